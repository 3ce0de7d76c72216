// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

import {IEmission} from "../../src/interfaces/IEmission.sol";
import {Debits, IEscrow} from "../../src/interfaces/IEscrow.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {IParameters} from "../../src/interfaces/IParameters.sol";
import {IRewardsDistributor} from "../../src/interfaces/IRewardsDistributor.sol";
import {EpochReport, ISettlement} from "../../src/interfaces/ISettlement.sol";
import {IWorkerRegistry} from "../../src/interfaces/IWorkerRegistry.sol";
import {Contracts, EconomyDeployer, EconomyValues} from "./EconomyDeployer.sol";
import {IVotingGovernor} from "./Voting.sol";

/// @notice The whole network with settlement, wired as a deployment wires it, and builders of epoch reports.
abstract contract Economy is EconomyValues {
    IEmission internal emission;
    IParameters internal parameters;
    IWorkerRegistry internal workers;
    IModelRegistry internal models;
    IRewardsDistributor internal distributor;
    IEscrow internal escrow;
    ISettlement internal settlement;
    TimelockController internal timelock;
    IVotingGovernor internal governor;

    function deployEconomy(uint40 disputeSec) internal {
        deployEconomy(disputeSec, GENESIS);
    }

    function deployEconomy(uint40 disputeSec, uint256 genesisAmount) internal {
        vm.warp(START);
        vm.roll(1000);
        EconomyDeployer deployer = EconomyDeployer(vm.deployCode("EconomyDeployer.sol:EconomyDeployer", ""));
        Contracts memory all = deployer.deploy(disputeSec, genesisAmount);
        io = all.io;
        iosd = all.iosd;
        registry = all.registry;
        feed = all.feed;
        burner = all.burner;
        emission = all.emission;
        parameters = all.parameters;
        workers = all.workers;
        models = all.models;
        distributor = all.distributor;
        escrow = all.escrow;
        settlement = all.settlement;
        timelock = all.timelock;
        governor = all.governor;
    }

    // --- time ---

    /// @dev The first second after `epoch`, some blocks later.
    function endEpoch(uint64 epoch) internal {
        vm.warp(START + (epoch + 1) * EPOCH_LENGTH_SEC);
        vm.roll(block.number + 5);
    }

    // --- money ---

    /// @dev IOSD as it is after a burn that is of no interest.
    function giveIosd(address account, uint256 amount) internal {
        vm.prank(address(burner));
        iosd.mint(account, amount);
    }

    /// @dev IO as it is after emission that is of no interest.
    function giveIo(address account, uint256 amount) internal {
        vm.prank(address(emission));
        io.mint(account, amount);
    }

    function deposit(address payer, uint8 asset, uint256 amount) internal {
        vm.prank(payer);
        if (asset == IO_ASSET) io.approve(address(escrow), amount);
        else iosd.approve(address(escrow), amount);
        vm.prank(payer);
        escrow.deposit(asset, amount);
    }

    /// @dev Burns IO of ALICE at a price of one dollar.
    function burn(uint256 amount) internal {
        vm.prank(ALICE);
        io.approve(address(burner), amount);
        uint256 lastRound = feed.latestWord() & type(uint40).max;
        if (lastRound < block.timestamp * 10) update(word(1e18, block.timestamp));
        vm.prank(ALICE);
        burner.burnExactIn(amount, 0, block.timestamp);
    }

    // --- trees ---

    function rewardLeaf(address account, uint256 cumulative) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(account, cumulative))));
    }

    function debitLeaf(address payer, uint256 cumulativeIosd, uint256 cumulativeIo)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(bytes.concat(keccak256(abi.encode(payer, cumulativeIosd, cumulativeIo))));
    }

    function pair(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return Hashes.commutativeKeccak256(left, right);
    }

    function proof(bytes32 sibling) internal pure returns (bytes32[] memory siblings) {
        siblings = new bytes32[](1);
        siblings[0] = sibling;
    }

    // --- reports ---

    /// @dev A valid report of the next epoch, in which nothing was earned or spent.
    function emptyReport() internal view returns (EpochReport memory report) {
        report.keyEpoch = settlement.groupKeys().keyEpoch;
        report.epoch = settlement.nextEpoch();
        report.validUntil = uint40(block.timestamp + 60);
        report.paramsVersion = parameters.versionAt(report.epoch);
        report.snapshotBlock = uint64(block.number - 1);
        report.snapshotHash = blockhash(block.number - 1);
        report.previousRewardRoot = report.rewardRoot = distributor.root();
        Debits memory debits = escrow.debits();
        report.previousDebitRoot = report.debitRoot = debits.root;
        report.cumulativeRewards = distributor.funded();
        report.cumulativeDebitIosd = debits.iosd;
        report.cumulativeDebitIo = debits.io;
        report.bundleHash = keccak256("bundle");
    }

    /// @dev An empty report with these amounts and everything that follows from them, but for the roots.
    function paying(uint256 hired, uint256 availability, uint256 debitIosd, uint256 debitIo)
        internal
        view
        returns (EpochReport memory report)
    {
        report = emptyReport();
        report.hiredPaid = hired;
        report.availabilityPaid = availability;
        report.debitIosd = debitIosd;
        report.debitIo = debitIo;
        report.cumulativeRewards += hired + availability + debitIo;
        report.cumulativeDebitIosd += debitIosd;
        report.cumulativeDebitIo += debitIo;
    }

    /// @dev Settles with the group key; `rotate(GROUP_SECRET, …)` must have been called.
    function settle(EpochReport memory report) internal {
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, settlement.reportDigest(report));
        settlement.settle(report, r, s);
    }

    function settleEmptyUntil(uint64 epochs) internal {
        for (uint64 epoch = settlement.nextEpoch(); epoch < epochs; ++epoch) {
            if (block.timestamp < START + (epoch + 1) * EPOCH_LENGTH_SEC) endEpoch(epoch);
            settle(emptyReport());
        }
    }
}
