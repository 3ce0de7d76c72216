// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBurner} from "../src/interfaces/IBurner.sol";
import {IOracleRegistry, Signature} from "../src/interfaces/IOracleRegistry.sol";
import {IParameters} from "../src/interfaces/IParameters.sol";
import {IPriceFeed} from "../src/interfaces/IPriceFeed.sol";
import {IRewardsDistributor} from "../src/interfaces/IRewardsDistributor.sol";
import {EpochPool, EpochReport, EpochStatus, ISettlement} from "../src/interfaces/ISettlement.sol";
import {Economy} from "./support/Economy.sol";

/// @notice What a thief of the group key can do, and where it ends. The thief signs with GROUP_SECRET all that it likes
/// and holds no identity.
contract StolenGroupKeyTest is Economy {
    address private constant THIEF = address(0x7E1F);
    uint40 private constant DISPUTE_SEC = 45;
    uint256 private constant DEPOSIT = 1000e18;

    function setUp() external {
        deployEconomy(DISPUTE_SEC);
        rotate(GROUP_SECRET, 0);
        giveIosd(ALICE, DEPOSIT);
        deposit(ALICE, IO_ASSET, DEPOSIT);
        deposit(ALICE, IOSD_ASSET, DEPOSIT);
        giveIo(THIEF, 10_000e18);
        vm.prank(THIEF);
        io.approve(address(burner), type(uint256).max);
        update(word(1e18, vm.getBlockTimestamp()));
    }

    function burnAsThief(uint256 amount) private returns (uint256) {
        uint256 time = vm.getBlockTimestamp();
        vm.prank(THIEF);
        return burner.burnExactIn(amount, 0, time);
    }

    /// @dev All of the pool for the thief, and all that one epoch may take from the escrow.
    function theft() private view returns (EpochReport memory report) {
        EpochPool memory pool = settlement.nextPool();
        uint256 hired = (pool.pool - pool.net) * epochParams().hiredBps / 10_000 + pool.net;
        uint256 debit = DEPOSIT * epochParams().maxDebitBps / 10_000;
        report = paying(hired, pool.pool - hired, debit, debit);
        report.validUntil = type(uint40).max;
        report.rewardRoot = rewardLeaf(THIEF, report.cumulativeRewards);
        report.debitRoot = debitLeaf(ALICE, debit, debit);
    }

    function refuses(EpochReport memory report, bytes4 selector) private {
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, settlement.reportDigest(report));
        vm.expectPartialRevert(selector);
        settlement.settle(report, r, s);
    }

    function test_setsAnyPriceButNobodyBurnsMoreThanATwentiethAboveTheAverage() external {
        vm.warp(vm.getBlockTimestamp() + 1);
        update(word(1000e18, vm.getBlockTimestamp()));
        uint256 time = vm.getBlockTimestamp();
        vm.prank(THIEF);
        vm.expectPartialRevert(IBurner.PriceAboveAverage.selector);
        burner.burnExactIn(1e18, 0, time);
    }

    /// @dev The average is made of the thief's own prices, in reports that are as far apart as they may be in one block.
    function test_liftsTheAverageInOneBlockByNoMoreThanWhatPassesInIt() external {
        vm.warp(vm.getBlockTimestamp() + MAX_AGE_SEC);
        uint256 time = vm.getBlockTimestamp();
        (,,,, uint256 before,) = feed.read();
        update(word(1_000_000e18, time - MAX_AGE_SEC + 1));
        uint256 apart = MAX_AGE_SEC - 1 + MAX_FUTURE_SEC;
        uint256 lifted = before + (before + 1e15) * apart / EMA_PERIOD_SEC;
        update(word(lifted * 105 / 100 + 1, time + MAX_FUTURE_SEC));
        (,,,, uint256 ema,) = feed.read();
        vm.assertEq(ema, lifted);
        vm.prank(THIEF);
        vm.expectPartialRevert(IBurner.PriceAboveAverage.selector);
        burner.burnExactIn(1e18, 0, time);
    }

    function test_liftsTheAverageInAnHourByEAtMost() external {
        (,,,, uint256 before,) = feed.read();
        uint256 start = vm.getBlockTimestamp();
        for (uint256 i = 1; i <= EMA_PERIOD_SEC / 20; ++i) {
            vm.warp(start + i * 20);
            update(word(1_000_000e18, start + i * 20));
        }
        (,,,, uint256 ema,) = feed.read();
        vm.assertGe(ema, 2 * before);
        vm.assertLe(ema, before * 2719 / 1000 + 2e15);
    }

    /// @dev The highest price that still burns, for as long as the average follows it; the bucket bounds what that is worth.
    function test_burnsAtAMadeUpPriceNoMoreInAnHourThanTwoHundredthsOfTheSupply() external {
        uint256 supply = io.totalSupply();
        uint256 burned = 0;
        for (uint256 i = 0; i < 120; ++i) {
            vm.warp(vm.getBlockTimestamp() + 30);
            update(word(1e18, vm.getBlockTimestamp()));
            uint256 room = burner.burnable();
            if (room > io.balanceOf(THIEF)) giveIo(THIEF, room);
            burned += room;
            burnAsThief(room);
        }
        // What it was given on the way is supply, too.
        vm.assertGe(burned, supply / 100);
        vm.assertLe(burned, io.totalSupply() / 50 + burned / 50);
    }

    function test_stagesAPayoutOfTheWholePoolAndNotAWeiMore() external {
        endEpoch(0);
        EpochReport memory report = theft();
        report.hiredPaid += 1;
        report.availabilityPaid -= 1;
        refuses(report, ISettlement.HiredAboveMaximum.selector);
        report = theft();
        report.availabilityPaid += 1;
        report.cumulativeRewards += 1;
        refuses(report, ISettlement.AvailabilityAboveMaximum.selector);
        settle(theft());
        vm.assertTrue(settlement.statusOf(0) == EpochStatus.Staged);
    }

    function test_takesNoMoreOfTheEscrowThanOneEpochMay() external {
        endEpoch(0);
        EpochReport memory report = theft();
        report.debitIo += 1;
        report.cumulativeDebitIo += 1;
        report.cumulativeRewards += 1;
        refuses(report, ISettlement.DebitAboveMaximum.selector);
        report = theft();
        report.debitIosd += 1;
        report.cumulativeDebitIosd += 1;
        refuses(report, ISettlement.DebitAboveMaximum.selector);
    }

    function test_hasNothingOfItBeforeTheDisputeIsOverAndNothingAfterAVeto() external {
        endEpoch(0);
        EpochReport memory report = theft();
        uint256 supply = io.totalSupply();
        settle(report);
        vm.expectPartialRevert(ISettlement.StillDisputable.selector);
        settlement.activate(report);
        // f + 1 of the members, one of them honest, are enough.
        settlement.veto(0, quorum(settlement.vetoDigest(), 0, 2));
        vm.warp(vm.getBlockTimestamp() + DISPUTE_SEC);
        vm.expectPartialRevert(ISettlement.NothingStaged.selector);
        settlement.activate(report);
        vm.assertEq(io.totalSupply(), supply);
        vm.assertEq(escrow.held(IO_ASSET), DEPOSIT);
        vm.assertEq(escrow.held(IOSD_ASSET), DEPOSIT);
        vm.assertEq(distributor.funded(), 0);
    }

    function test_bringsTheSameReportAgainOnlyUnderAnotherSignature() external {
        endEpoch(0);
        EpochReport memory report = theft();
        settle(report);
        settlement.veto(0, quorum(settlement.vetoDigest(), 0, 2));
        refuses(report, ISettlement.WrongAttempt.selector);
    }

    // --- what only a veto prevents: nothing on chain knows the leaves of the roots before ---

    function lapse(EpochReport memory report) private {
        settle(report);
        vm.warp(vm.getBlockTimestamp() + DISPUTE_SEC);
        settlement.activate(report);
    }

    function test_takesWhatOthersHaveNotClaimedWhereNobodyVetoes() external {
        endEpoch(0);
        EpochReport memory report = paying(5e18, 0, 0, 0);
        report.rewardRoot = rewardLeaf(BOB, 5e18);
        lapse(report);

        endEpoch(1);
        report = emptyReport();
        report.validUntil = type(uint40).max;
        report.rewardRoot = rewardLeaf(THIEF, 5e18);
        lapse(report);
        bytes32[] memory alone;
        vm.assertEq(distributor.claim(THIEF, 5e18, alone), 5e18);
        vm.expectPartialRevert(IRewardsDistributor.InvalidProof.selector);
        distributor.claim(BOB, 5e18, alone);
    }

    function test_withdrawsWhatItHasSpentWhereNobodyVetoes() external {
        deposit(THIEF, IO_ASSET, 500e18);
        vm.prank(THIEF);
        escrow.requestWithdraw(IO_ASSET, 500e18);
        endEpoch(0);
        EpochReport memory report = paying(0, 0, 0, 500e18);
        report.debitRoot = pair(debitLeaf(ALICE, 0, 0), debitLeaf(THIEF, 0, 500e18));
        lapse(report);
        endEpoch(3);
        settlement.settleEmpty(1, quorum(settlement.emptyEpochDigest(1), 0, 3));
        settlement.settleEmpty(2, quorum(settlement.emptyEpochDigest(2), 0, 3));

        report = emptyReport();
        report.validUntil = type(uint40).max;
        report.debitRoot = debitLeaf(THIEF, 0, 0);
        lapse(report);
        bytes32[] memory alone;
        vm.prank(THIEF);
        vm.assertEq(escrow.finish(IO_ASSET, 0, 0, alone), 500e18);
        // What is left is half of what ALICE deposited and never spent.
        vm.assertEq(io.balanceOf(address(escrow)), DEPOSIT - 500e18);
    }

    function test_makesNoKeyAndNoMember() external {
        uint256 px = groupPublicKey(uint256(keccak256("thief")));
        bytes32 digest = groupKeyDigest(px, 2, "transcript", 0xf);
        (address r, uint256 s) = signSchnorr(uint256(keccak256("thief")), digest);
        vm.expectPartialRevert(IOracleRegistry.QuorumNotReached.selector);
        registry.rotateGroupKey(px, "transcript", 0xf, r, s, quorum(digest, 0, 0));
        vm.expectPartialRevert(IOracleRegistry.QuorumNotReached.selector);
        registry.proposeMembers(members(5), quorum(digest, 0, 0));
        vm.expectPartialRevert(IOracleRegistry.Unauthorized.selector);
        registry.installSet(members(5));
    }

    function test_changesNoParameterAndPausesNothing() external {
        vm.prank(THIEF);
        vm.expectPartialRevert(IParameters.Unauthorized.selector);
        parameters.set(epochParams());
        Signature[] memory one = quorum(burner.pauseDigest(), 0, 1);
        vm.expectPartialRevert(IOracleRegistry.QuorumNotReached.selector);
        burner.pause(one);
    }

    function test_isWorthNothingAfterTwoRotations() external {
        for (uint256 i = 1; i <= 2; ++i) {
            rotate(uint256(keccak256(abi.encode("after the theft", i))), 0);
        }
        vm.warp(uint256(registry.state().switchesAt) + HANDOVER_SEC + 1);
        uint256 made = word(2e18, vm.getBlockTimestamp());
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, feed.reportDigest(made));
        vm.expectPartialRevert(IPriceFeed.InvalidCertificate.selector);
        feed.update(made, r, s);
        endEpoch(uint64(emission.epochOf(vm.getBlockTimestamp())));
        EpochReport memory report = emptyReport();
        refuses(report, ISettlement.InvalidCertificate.selector);
        report.keyEpoch = 1;
        refuses(report, ISettlement.WrongKeyEpoch.selector);
    }

    function test_stopsBeingAbleToBurnWhenMembersPauseBurns() external {
        burner.pause(quorum(burner.pauseDigest(), 0, 2));
        uint256 time = vm.getBlockTimestamp();
        vm.prank(THIEF);
        vm.expectPartialRevert(IBurner.Paused.selector);
        burner.burnExactIn(1e18, 0, time);
    }
}
