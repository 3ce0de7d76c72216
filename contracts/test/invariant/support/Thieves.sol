// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {IBurner, Report} from "../../../src/interfaces/IBurner.sol";
import {IEmission} from "../../../src/interfaces/IEmission.sol";
import {IEscrow} from "../../../src/interfaces/IEscrow.sol";
import {IGroupKeyConsumer} from "../../../src/interfaces/IGroupKeyConsumer.sol";
import {IIO} from "../../../src/interfaces/IIO.sol";
import {IIOSD} from "../../../src/interfaces/IIOSD.sol";
import {IModelRegistry} from "../../../src/interfaces/IModelRegistry.sol";
import {IOracleRegistry, Member, Signature} from "../../../src/interfaces/IOracleRegistry.sol";
import {IParameters} from "../../../src/interfaces/IParameters.sol";
import {IPriceFeed} from "../../../src/interfaces/IPriceFeed.sol";
import {IRewardsDistributor} from "../../../src/interfaces/IRewardsDistributor.sol";
import {EpochReport, ISettlement} from "../../../src/interfaces/ISettlement.sol";
import {Books} from "./Books.sol";
import {IVotingGovernor} from "../../support/Voting.sol";

/// @notice Who does what only somebody else may, and who gives what nobody asked for.
contract Thieves is Books {
    // --- what a thief would do first ---

    /// @notice Everything that only somebody else may do, with the right arguments.
    function hostileCall(uint256 seed) external {
        address me = hostiles[seed % HOSTILES];
        address victim = personOf(seed >> 8);
        uint64 epoch = nextEpoch;
        no(me, address(io), abi.encodeCall(IIO.mint, (me, 1)));
        no(me, address(io), abi.encodeCall(IIO.burnFrom, (victim, 1)));
        no(me, address(io), abi.encodeWithSelector(io.transferFrom.selector, victim, me, 1));
        no(me, address(iosd), abi.encodeCall(IIOSD.mint, (me, 1)));
        no(me, address(iosd), abi.encodeCall(IIOSD.spend, (0)));
        no(victim, address(iosd), abi.encodeWithSelector(iosd.transfer.selector, me, 0));
        no(me, address(emission), abi.encodeCall(IEmission.mintEpoch, (epoch)));
        no(me, address(escrow), abi.encodeCall(IEscrow.debit, (epoch, 0, 0, 0)));
        no(me, address(escrow), abi.encodeCall(IEscrow.skip, (epoch)));
        no(me, address(distributor), abi.encodeCall(IRewardsDistributor.fund, (epoch, keccak256("mine"), 0)));
        no(me, address(feed), abi.encodeCall(IGroupKeyConsumer.setGroupKey, (99, 1, 0)));
        no(me, address(settlement), abi.encodeCall(IGroupKeyConsumer.setGroupKey, (99, 1, 0)));
        no(me, address(parameters), abi.encodeCall(IParameters.set, (firstParams())));
        no(me, address(registry), abi.encodeCall(IOracleRegistry.installSet, (members(4))));
        hostileBurns(me, seed);
        hostileClaims(me, victim);
        hostileRoles(me);
        did("hostile call");
    }

    function hostileBurns(address me, uint256 seed) private {
        Report memory report;
        uint256 time = vm.getBlockTimestamp();
        no(me, address(burner), abi.encodeCall(IBurner.burnClaimed, (me, 1, 0, time, report)));
        report.word = word(1000e18, 1, time, lastRound + 1);
        (report.r, report.s) =
            signSchnorr(uint256(keccak256("not the group")), feed.reportDigest(report.word));
        no(me, address(feed), abi.encodeCall(IPriceFeed.update, (report.word, report.r, report.s)));
        // One signature too few of each kind.
        Member[] memory list = registry.members();
        (, uint256 n) = occupied(list);
        uint256 suspended = registry.state().newest.suspended;
        Signature[] memory few = signedBy(list, suspended, (n - 1) / 3, burner.pauseDigest(), seed);
        no(me, address(burner), abi.encodeCall(IBurner.pause, (few)));
        few = signedBy(list, suspended, quorumOf(n) - 1, settlement.emptyEpochDigest(nextEpoch), seed);
        no(me, address(settlement), abi.encodeCall(ISettlement.settleEmpty, (nextEpoch, few)));
        // A round that began before the handover's end is of the members before, and theirs may be a smaller quorum.
        if ((lastRound + 1) / 10 >= registry.state().switchesAt) {
            few = signedBy(list, suspended, quorumOf(n) - 1, feed.reportDigest(report.word), seed);
            no(me, address(feed), abi.encodeCall(IPriceFeed.updateWithQuorum, (report.word, few)));
        }
        if (!isStaged) return;
        few = signedBy(list, suspended, (n - 1) / 3, settlement.vetoDigest(), seed);
        no(me, address(settlement), abi.encodeCall(ISettlement.veto, (nextEpoch, few)));
        EpochReport memory report_ = stage.report;
        report_.rewardRoot = keccak256("mine");
        no(me, address(settlement), abi.encodeCall(ISettlement.activate, (report_)));
    }

    function hostileClaims(address me, address victim) private {
        if (rewardRoot == 0) return;
        bytes32[] memory path = rewardProof(victim);
        Report memory report;
        uint256 time = vm.getBlockTimestamp();
        no(me, address(distributor), abi.encodeCall(IRewardsDistributor.claim, (me, earned[victim], path)));
        no(
            me,
            address(distributor),
            abi.encodeCall(IRewardsDistributor.claim, (victim, earned[victim] + 1, path))
        );
        no(
            me,
            address(distributor),
            abi.encodeCall(IRewardsDistributor.claimAsIosd, (earned[victim], path, 0, time, report))
        );
        if (modelIds.length == 0) return;
        bytes32 id = modelIds[0];
        no(me, address(models), abi.encodeCall(IModelRegistry.newVersion, (id, keccak256("mine"), 1)));
        no(me, address(models), abi.encodeCall(IModelRegistry.retire, (id)));
    }

    function hostileRoles(address me) private {
        TimelockController lock = timelock;
        bytes memory change = abi.encodeCall(IParameters.set, (firstParams()));
        no(me, address(lock), abi.encodeCall(lock.schedule, (address(parameters), 0, change, 0, 0, 14 days)));
        no(me, address(lock), abi.encodeCall(lock.execute, (address(parameters), 0, change, 0, 0)));
        no(me, address(lock), abi.encodeCall(lock.updateDelay, (14 days)));
        no(me, address(lock), abi.encodeCall(IAccessControl.grantRole, (lock.PROPOSER_ROLE(), me)));
        no(me, address(lock), abi.encodeCall(IAccessControl.grantRole, (bytes32(0), me)));
        address[] memory targets = new address[](1);
        targets[0] = address(parameters);
        bytes[] memory calls = new bytes[](1);
        calls[0] = change;
        IVotingGovernor ruler = governor;
        no(me, address(ruler), abi.encodeCall(ruler.propose, (targets, new uint256[](1), calls, "mine")));
        no(me, address(ruler), abi.encodeCall(ruler.relay, (address(lock), 0, change)));
    }

    function no(address sender, address target, bytes memory data) private {
        mustFail(sender, target, data, "invariant 19: an ordinary account did what is for another");
    }

    // --- donations ---

    function donate(uint256 seed) external {
        address giver = hostiles[seed % HOSTILES];
        address receiver = deployed[roll(seed, "receiver") % deployed.length];
        uint256 amount = amountOf(roll(seed, "amount"), 0, io.balanceOf(giver) / 4);
        if (receiver == address(io) || amount == 0) return;
        vm.prank(giver);
        io.transfer(receiver, amount);
        donated[receiver][IO_ASSET] += amount;
        did("donation");
    }

    function donateIosd(uint256 seed) external {
        address giver = personOf(seed);
        uint256 amount = amountOf(roll(seed, "amount"), 0, iosd.balanceOf(giver) / 8);
        if (amount == 0) return;
        vm.prank(giver);
        iosd.transfer(address(escrow), amount);
        donated[address(escrow)][IOSD_ASSET] += amount;
        did("donation of IOSD");
    }
}
