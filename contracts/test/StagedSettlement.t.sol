// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochTiming} from "../src/interfaces/IEpochClock.sol";
import {EpochReport, EpochStatus, ISettlement, SettlementLinks} from "../src/interfaces/ISettlement.sol";
import {OracleDomain} from "../src/libraries/OracleDomain.sol";
import {Economy} from "./support/Economy.sol";

contract StagedSettlementTest is Economy {
    uint40 private constant DISPUTE_SEC = 45;

    function setUp() external {
        deployEconomy(DISPUTE_SEC);
        rotate(GROUP_SECRET, 0);
        giveIosd(ALICE, 1000e18);
        deposit(ALICE, IO_ASSET, 1000e18);
        deposit(ALICE, IOSD_ASSET, 1000e18);
        endEpoch(0);
    }

    function report10() private view returns (EpochReport memory report) {
        report = paying(3e18, 2e18, 7e18, 5e18);
        report.rewardRoot = rewardLeaf(BOB, 10e18);
        report.debitRoot = debitLeaf(ALICE, 7e18, 5e18);
    }

    function test_isNeverDisputedForLongerThanThreeQuartersOfAnEpoch() external {
        SettlementLinks memory links = settlement.links();
        vm.expectRevert(abi.encodeWithSelector(ISettlement.DisputeTooLong.selector, 2701, 2700));
        deploySettlement(links, 3600, 2701);
        vm.assertEq(deploySettlement(links, 3600, 2700).disputeSec(), 2700);
        // Rounded down: 44 of 59 seconds.
        vm.expectRevert(abi.encodeWithSelector(ISettlement.DisputeTooLong.selector, 45, 44));
        deploySettlement(links, 59, 45);
    }

    function deploySettlement(SettlementLinks memory links, uint40 lengthSec, uint40 disputeSec)
        private
        returns (ISettlement)
    {
        return ISettlement(
            vm.deployCode(
                "Settlement.sol:Settlement",
                abi.encode(links, EpochTiming(uint40(START), lengthSec), disputeSec)
            )
        );
    }

    function test_changesNothingUntilTheTimeForDisputesIsOver() external {
        EpochReport memory report = report10();
        uint256 supply = io.totalSupply();
        settle(report);
        vm.assertTrue(settlement.statusOf(0) == EpochStatus.Staged);
        (bool isStaged, uint64 epoch, uint32 attempt, bytes32 reportHash) = settlement.staged();
        vm.assertTrue(isStaged);
        vm.assertEq(epoch, 0);
        vm.assertEq(attempt, 0);
        vm.assertEq(
            settlement.reportDigest(report), OracleDomain.digest(registry.DOMAIN_SEPARATOR(), reportHash)
        );
        uint256 time = block.timestamp + DISPUTE_SEC;
        vm.assertEq(settlement.activatesAt(), time);
        vm.assertEq(io.totalSupply(), supply);
        vm.assertEq(distributor.root(), 0);
        vm.assertEq(escrow.held(IO_ASSET), 1000e18);

        vm.warp(time - 1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.StillDisputable.selector, time - 1, time));
        settlement.activate(report);

        vm.warp(time);
        settlement.activate(report);
        vm.assertTrue(settlement.statusOf(0) == EpochStatus.Active);
        (isStaged, epoch, attempt, reportHash) = settlement.staged();
        vm.assertFalse(isStaged);
        vm.assertEq(reportHash, 0);
        vm.assertEq(distributor.root(), report.rewardRoot);
        vm.assertEq(escrow.held(IO_ASSET), 995e18);
        vm.assertEq(distributor.claim(BOB, 10e18, new bytes32[](0)), 10e18);
    }

    function test_endsInTheSameStateAsWithoutADispute() external {
        burn(1e18);
        settle(report10());
        vm.warp(block.timestamp + DISPUTE_SEC);
        EpochReport memory report = report10();
        // The report is as it was, but for what depends on the time of asking.
        report.validUntil -= DISPUTE_SEC;
        settlement.activate(report);
        (uint256 reserve, uint256 supply) = (settlement.reserve(), io.totalSupply());

        deployEconomy(0);
        rotate(GROUP_SECRET, 0);
        giveIosd(ALICE, 1000e18);
        deposit(ALICE, IO_ASSET, 1000e18);
        deposit(ALICE, IOSD_ASSET, 1000e18);
        endEpoch(0);
        burn(1e18);
        settle(report10());
        vm.assertEq(settlement.reserve(), reserve);
        vm.assertEq(io.totalSupply(), supply);
    }

    function test_stagesOneEpochAtATime() external {
        settle(report10());
        endEpoch(1);
        EpochReport memory report = emptyReport();
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, settlement.reportDigest(report));
        vm.expectRevert(abi.encodeWithSelector(ISettlement.AlreadyStaged.selector, 0));
        settlement.settle(report, r, s);
        report.epoch = 1;
        (r, s) = signSchnorr(GROUP_SECRET, settlement.reportDigest(report));
        vm.expectRevert(abi.encodeWithSelector(ISettlement.EpochOutOfOrder.selector, 1, 0));
        settlement.settle(report, r, s);
    }

    function test_activatesTheStagedReportOnly() external {
        EpochReport memory report = report10();
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NothingStaged.selector));
        settlement.activate(report);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NothingStaged.selector));
        settlement.activatesAt();
        settle(report);
        vm.warp(block.timestamp + DISPUTE_SEC);
        report.hiredPaid += 1;
        bytes32 typeHash = keccak256(
            "EpochReport(uint32 keyEpoch,uint64 epoch,uint32 attempt,uint40 validUntil,uint32 paramsVersion,uint64 snapshotBlock,bytes32 snapshotHash,bytes32 previousRewardRoot,bytes32 previousDebitRoot,bytes32 rewardRoot,bytes32 debitRoot,uint256 hiredPaid,uint256 availabilityPaid,uint256 debitIosd,uint256 debitIo,uint256 cumulativeRewards,uint256 cumulativeDebitIosd,uint256 cumulativeDebitIo,bytes32 bundleHash,bytes32 batchesRoot,bytes32 commitmentsRoot)"
        );
        bytes32 given = keccak256(abi.encode(typeHash, report));
        report.hiredPaid -= 1;
        bytes32 required = keccak256(abi.encode(typeHash, report));
        report.hiredPaid += 1;
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotTheStagedReport.selector, given, required));
        settlement.activate(report);
    }

    function test_activatesAfterARotationAndAfterTheReportWouldHaveExpired() external {
        EpochReport memory report = report10();
        settle(report);
        rotate(GROUP_SECRET, 0);
        vm.warp(block.timestamp + DISPUTE_SEC + 30 days);
        settlement.activate(report);
        vm.assertEq(settlement.nextEpoch(), 1);
    }

    function test_activatesOnce() external {
        EpochReport memory report = report10();
        settle(report);
        vm.warp(block.timestamp + DISPUTE_SEC);
        settlement.activate(report);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NothingStaged.selector));
        settlement.activate(report);
    }

    function test_namesWhatItIsWiredTo() external view {
        vm.assertEq(settlement.links().registry, address(registry));
        vm.assertEq(settlement.links().emission, address(emission));
        vm.assertEq(emission.settlement(), address(settlement));
        vm.assertEq(escrow.settlement(), address(settlement));
        vm.assertEq(distributor.settlement(), address(settlement));
        vm.assertEq(io.minter(), address(emission));
        vm.assertEq(iosd.escrow(), address(escrow));
    }
}
