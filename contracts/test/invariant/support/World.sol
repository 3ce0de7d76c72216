// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BurnerParams} from "../../../src/interfaces/IBurner.sol";
import {EmissionParams} from "../../../src/interfaces/IEmission.sol";
import {EpochTiming} from "../../../src/interfaces/IEpochClock.sol";
import {IGroupKeyConsumer} from "../../../src/interfaces/IGroupKeyConsumer.sol";
import {Genesis, Pools} from "../../../src/interfaces/IIO.sol";
import {IIOSD} from "../../../src/interfaces/IIOSD.sol";
import {IModelRegistry} from "../../../src/interfaces/IModelRegistry.sol";
import {Member, Signature} from "../../../src/interfaces/IOracleRegistry.sol";
import {EpochParams} from "../../../src/interfaces/IParameters.sol";
import {IRewardsDistributor} from "../../../src/interfaces/IRewardsDistributor.sol";
import {ISettlement, SettlementLinks} from "../../../src/interfaces/ISettlement.sol";
import {IWorkerRegistry} from "../../../src/interfaces/IWorkerRegistry.sol";
import {Economy} from "../../support/Economy.sol";
import {IVotingGovernor, IVotingIO} from "../../support/Voting.sol";
import {Trap} from "./Trap.sol";

/// @notice The whole network at work: epochs of an hour, a schedule so steep that it reaches the maximum within the calls
/// of one run, people who burn, pay, work and own models, accounts that attack, and members whose keys the test holds.
abstract contract World is Economy {
    uint256 internal constant EPOCH_SEC = 3600;
    uint256 internal constant HALVING = 12 hours;
    uint40 internal constant DISPUTE_SEC = 900;
    /// @dev So much that burns of an epoch are sometimes above it and sometimes below.
    uint256 internal constant NET_CAP = 30_000_000e18;
    uint256 internal constant PEOPLE = 8;
    uint256 internal constant PAYERS = 4;
    uint256 internal constant HOSTILES = 3;

    address[] internal people;
    address[] internal hostiles;
    address[] internal deployed;
    Trap internal trap;
    mapping(address account => uint256) internal secretOf;
    /// @dev How many persons have ever been members: the next one to come has this number.
    uint256 internal persons;
    /// @dev Of the group key in force; zero: there is none.
    uint256 internal groupSecret;

    /// @dev How often what a handler is there for has happened.
    mapping(bytes32 what => uint256) public done;
    /// @dev What an action failed with. A campaign does not see what reverts.
    bytes internal fault;

    function did(bytes32 what) internal {
        ++done[what];
    }

    /// @dev Another number for each use that a seed is put to.
    function roll(uint256 seed, bytes32 what) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, what)));
    }

    /// @dev Amounts of all magnitudes between two.
    function amountOf(uint256 seed, uint256 low, uint256 high) internal pure returns (uint256) {
        if (high <= low) return low;
        uint256 largest = high >> (seed % 24);
        return largest <= low ? low : bound(seed >> 8, low, largest);
    }

    function personOf(uint256 seed) internal view returns (address) {
        return people[seed % PEOPLE];
    }

    function payerOf(uint256 seed) internal view returns (address) {
        return people[seed % PAYERS];
    }

    function anybody(uint256 seed) internal view returns (address) {
        return seed % 2 == 0 ? people[(seed >> 1) % PEOPLE] : hostiles[(seed >> 1) % HOSTILES];
    }

    function currentEpoch() internal view returns (uint64) {
        return uint64((vm.getBlockTimestamp() - START) / EPOCH_SEC);
    }

    function pass(uint256 elapsedSec) internal {
        vm.warp(vm.getBlockTimestamp() + elapsedSec);
        vm.roll(block.number + 1 + elapsedSec / 12);
    }

    // --- members ---

    function newPerson() internal returns (Member memory one) {
        one = member(persons);
        secretOf[one.identity] = memberSecret(persons);
        ++persons;
    }

    function countBits(uint256 bits) internal pure returns (uint256 count) {
        for (; bits != 0; bits &= bits - 1) {
            ++count;
        }
    }

    /// @dev Signatures of `count` of those in the list who are not suspended.
    function signedBy(Member[] memory list, uint256 suspended, uint256 count, bytes32 digest, uint256 seed)
        internal
        view
        returns (Signature[] memory)
    {
        uint256[] memory secrets = new uint256[](count);
        uint256 found = 0;
        for (uint256 i = 0; i < list.length && found < count; ++i) {
            uint256 slot = (i + seed % list.length) % list.length;
            if (list[slot].identity == address(0) || (suspended >> slot) & 1 == 1) continue;
            secrets[found++] = secretOf[list[slot].identity];
        }
        require(found == count, "invariant 16: a quorum is always left");
        return signAscending(secrets, digest);
    }

    function signedByQuorum(bytes32 digest, uint256 seed) internal view returns (Signature[] memory) {
        Member[] memory list = registry.members();
        (, uint256 n) = occupied(list);
        return signedBy(list, registry.state().newest.suspended, quorumOf(n), digest, seed);
    }

    function signedByOneHonest(bytes32 digest, uint256 seed) internal view returns (Signature[] memory) {
        Member[] memory list = registry.members();
        (, uint256 n) = occupied(list);
        return signedBy(list, registry.state().newest.suspended, (n - 1) / 3 + 1, digest, seed);
    }

    // --- deployment ---

    function build() internal {
        vm.warp(START);
        vm.roll(1000);
        deployAll();
        deployed = [
            address(io),
            address(iosd),
            address(registry),
            address(feed),
            address(burner),
            address(emission),
            address(parameters),
            address(workers),
            address(models),
            address(distributor),
            address(escrow),
            address(settlement),
            address(timelock),
            address(governor)
        ];
        trap = new Trap(deployed);
        for (uint256 i = 0; i < PEOPLE + HOSTILES; ++i) {
            uint256 secret = uint256(keccak256(abi.encode("person", i)));
            address account = vm.addr(secret);
            secretOf[account] = secret;
            if (i < PEOPLE) people.push(account);
            else hostiles.push(account);
            vm.prank(ALICE);
            io.transfer(account, i < PEOPLE ? 100_000e18 : 1000e18);
        }
        for (uint256 i = 0; i < 4; ++i) {
            newPerson();
        }
    }

    function deployAll() private {
        EpochTiming memory hours_ = EpochTiming(uint40(START), uint40(EPOCH_SEC));
        address[14] memory at;
        uint256 nonce = vm.getNonce(address(this));
        for (uint256 i = 0; i < 14; ++i) {
            at[i] = vm.computeCreateAddress(address(this), nonce + i);
        }
        Genesis[] memory genesis = new Genesis[](1);
        genesis[0] = Genesis(ALICE, GENESIS);
        Pools memory pools = Pools(at[11], at[10], at[9]);
        io = IVotingIO(vm.deployCode("IO.sol:IO", abi.encode(at[5], at[4], pools, genesis)));
        iosd = IIOSD(vm.deployCode("IOSD.sol:IOSD", abi.encode(at[4], at[10])));
        IGroupKeyConsumer[] memory consumers = new IGroupKeyConsumer[](2);
        consumers[0] = IGroupKeyConsumer(at[3]);
        consumers[1] = IGroupKeyConsumer(at[11]);
        registry = deployRegistry(members(4), noServices(), consumers, at[12]);
        feed = deployFeed(feedParams());
        burner = deployBurner(at[9], BurnerParams(uint40(START), uint40(EPOCH_SEC)));
        emission = deployEmission(
            at[11], hours_, EmissionParams(uint96(LAUNCH_EMISSION), uint40(HALVING), uint96(NET_CAP))
        );
        parameters = deployParameters(at[12], hours_, firstParams());
        bytes memory arguments = abi.encode(address(registry));
        workers = IWorkerRegistry(vm.deployCode("WorkerRegistry.sol:WorkerRegistry", arguments));
        models = IModelRegistry(vm.deployCode("ModelRegistry.sol:ModelRegistry", abi.encode(hours_)));
        arguments = abi.encode(address(io), at[11], address(burner));
        distributor =
            IRewardsDistributor(vm.deployCode("RewardsDistributor.sol:RewardsDistributor", arguments));
        escrow = deployEscrow(at[11], at[9], LONGEST_HOLD, hours_);
        SettlementLinks memory links = SettlementLinks(at[2], at[0], at[5], at[9], at[10], at[6]);
        settlement =
            ISettlement(vm.deployCode("Settlement.sol:Settlement", abi.encode(links, hours_, DISPUTE_SEC)));
        timelock = deployTimelock(TIMELOCK_DELAY_SEC, at[13]);
        arguments = abi.encode(address(io), address(timelock));
        governor = IVotingGovernor(vm.deployCode("IOGovernor.sol:IOGovernor", arguments));
        require(address(settlement) == at[11] && address(governor) == at[13], "addresses");
    }

    /// @dev All of the escrow may be debited: what does not fit would wait, and be a claim on what can be withdrawn.
    function firstParams() internal pure returns (EpochParams memory params) {
        params = epochParams();
        params.maxDebitBps = 10_000;
    }
}
