// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow, Opening} from "../src/interfaces/IEscrow.sol";
import {EpochReport, ISettlement} from "../src/interfaces/ISettlement.sol";
import {Economy} from "./support/Economy.sol";

/// @dev One epoch may take half of what the escrow held when it ended.
contract DebitLimitsTest is Economy {
    bytes32[] private noProof;

    function setUp() external {
        deployEconomy(0);
        rotate(GROUP_SECRET, 0);
        giveIosd(ALICE, 100_000e18);
        giveIosd(BOB, 100_000e18);
        vm.prank(ALICE);
        io.transfer(BOB, 100_000e18);
    }

    function request(address payer, uint8 asset, uint256 amount) private {
        vm.prank(payer);
        escrow.requestWithdraw(asset, amount);
    }

    function finish(address payer, uint8 asset, uint256 spentIo, bytes32[] memory path)
        private
        returns (uint256)
    {
        vm.prank(payer);
        return escrow.finish(asset, 0, spentIo, path);
    }

    function refusesToFinish(uint256 spentIo, bytes32 sibling, bytes memory reason) private {
        vm.prank(ALICE);
        vm.expectRevert(reason);
        escrow.finish(IO_ASSET, 0, spentIo, proof(sibling));
    }

    function refuses(EpochReport memory report, bytes memory reason) private {
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, settlement.reportDigest(report));
        vm.expectRevert(reason);
        settlement.settle(report, r, s);
    }

    function settleWithRoot(bytes32 root, uint256 debitIo) private {
        EpochReport memory report = paying(0, 0, 0, debitIo);
        report.debitRoot = root;
        report.validUntil = type(uint40).max;
        settle(report);
    }

    /// @dev Settles empty reports with leaves of zero of both, until `epochs` are active.
    function settleUntil(uint64 epochs) private returns (bytes32[] memory ofAlice, bytes32[] memory ofBob) {
        bytes32 root = pair(debitLeaf(ALICE, 0, 0), debitLeaf(BOB, 0, 0));
        for (uint64 epoch = settlement.nextEpoch(); epoch < epochs; ++epoch) {
            endEpoch(epoch);
            settleWithRoot(root, 0);
        }
        return (proof(debitLeaf(BOB, 0, 0)), proof(debitLeaf(ALICE, 0, 0)));
    }

    // --- what is withdrawn after the end ---

    /// @dev The report was right when it was computed, so it is right when it arrives.
    function test_aWithdrawalAfterTheEndMakesNoReportTooLarge() external {
        deposit(ALICE, IO_ASSET, 1000e18);
        deposit(BOB, IO_ASSET, 1000e18);
        request(BOB, IO_ASSET, 1000e18);
        (, bytes32[] memory path) = settleUntil(4);
        endEpoch(4);
        // Half of 2,000: all that Alice has. Then Bob takes what is his.
        EpochReport memory report = paying(0, 0, 0, 1000e18);
        report.debitRoot = pair(debitLeaf(ALICE, 0, 1000e18), debitLeaf(BOB, 0, 0));
        vm.assertEq(finish(BOB, IO_ASSET, 0, path), 1000e18);
        vm.assertEq(escrow.held(IO_ASSET), 1000e18);
        settle(report);
        vm.assertEq(escrow.held(IO_ASSET), 0);
        vm.assertEq(io.balanceOf(address(escrow)), 0);
    }

    function test_aWithdrawalBeforeTheEndLowersTheLimit() external {
        deposit(ALICE, IO_ASSET, 1000e18);
        deposit(BOB, IO_ASSET, 1000e18);
        request(BOB, IO_ASSET, 1000e18);
        (, bytes32[] memory path) = settleUntil(4);
        finish(BOB, IO_ASSET, 0, path);
        endEpoch(4);
        refuses(
            paying(0, 0, 0, 500e18 + 1),
            abi.encodeWithSelector(ISettlement.DebitAboveMaximum.selector, IO_ASSET, 500e18 + 1, 500e18)
        );
        settle(paying(0, 0, 0, 500e18));
    }

    function test_aDepositAfterTheEndRaisesNoLimit() external {
        deposit(ALICE, IO_ASSET, 1000e18);
        deposit(ALICE, IOSD_ASSET, 500e18);
        endEpoch(0);
        deposit(BOB, IO_ASSET, 1000e18);
        deposit(BOB, IOSD_ASSET, 1000e18);
        refuses(
            paying(0, 0, 0, 500e18 + 1),
            abi.encodeWithSelector(ISettlement.DebitAboveMaximum.selector, IO_ASSET, 500e18 + 1, 500e18)
        );
        refuses(
            paying(0, 0, 250e18 + 1, 0),
            abi.encodeWithSelector(ISettlement.DebitAboveMaximum.selector, IOSD_ASSET, 250e18 + 1, 250e18)
        );
        settle(paying(0, 0, 250e18, 500e18));
        endEpoch(1);
        // 1,000 − 500 + 1,000, and 500 − 250 + 1,000.
        settle(paying(0, 0, 625e18, 750e18));
    }

    // --- late settlement ---

    /// @dev Invariant 7: the limits, too, are those of then.
    function test_settlesTheSameLateWithWhatWasDepositedSince() external {
        deposit(ALICE, IO_ASSET, 1000e18);
        endEpoch(0);
        deposit(BOB, IO_ASSET, 600e18);
        endEpoch(1);
        deposit(BOB, IO_ASSET, 5000e18);
        deposit(ALICE, IOSD_ASSET, 5000e18);
        endEpoch(700);
        vm.assertEq(escrow.openingOf(0).heldIoAtEnd, 1000e18);
        settle(paying(0, 0, 0, 500e18));
        vm.assertEq(escrow.openingOf(1).heldIoAtEnd, 1100e18);
        refuses(
            paying(0, 0, 1, 0),
            abi.encodeWithSelector(ISettlement.DebitAboveMaximum.selector, IOSD_ASSET, 1, 0)
        );
        settle(paying(0, 0, 0, 550e18));
        vm.assertEq(escrow.openingOf(2).heldIoAtEnd, 5550e18);
        vm.assertEq(escrow.held(IO_ASSET), 5550e18);
    }

    /// @dev Against a list of all movements, whatever is settled when. A run is ten epochs.
    /// forge-config: full.fuzz.runs = 1000
    function testFuzz_knowsWhatWasHeldAtTheEndOfTheNextEpoch(
        uint256[10] memory amounts,
        uint256 assets,
        uint256[10] memory debits,
        uint256 settledAt
    ) external {
        uint256[11] memory ioAtEnd;
        uint256[11] memory iosdAtEnd;
        uint256 debited = 0;
        for (uint64 epoch = 0; epoch < 10; ++epoch) {
            (uint256 ioNow, uint256 iosdNow) =
                epoch == 0 ? (0, 0) : (ioAtEnd[epoch - 1], iosdAtEnd[epoch - 1]);
            uint256 amount = bound(amounts[epoch], 0, 1000e18);
            if (amount >= 1e18) {
                bool isIo = (assets >> epoch) & 1 == 1;
                deposit(epoch % 2 == 0 ? ALICE : BOB, isIo ? IO_ASSET : IOSD_ASSET, amount);
                if (isIo) ioNow += amount;
                else iosdNow += amount;
            }
            (ioAtEnd[epoch], iosdAtEnd[epoch]) = (ioNow, iosdNow);
            endEpoch(epoch);
            // Late by up to nine epochs: those that have not been settled yet, all at once.
            while ((settledAt >> epoch) & 1 == 1 && settlement.nextEpoch() <= epoch) {
                uint64 next = settlement.nextEpoch();
                Opening memory opening = escrow.openingOf(next);
                vm.assertEq(opening.heldIoAtEnd, ioAtEnd[next] - debited);
                vm.assertEq(opening.heldIosdAtEnd, iosdAtEnd[next]);
                uint256 debit = bound(debits[next], 0, opening.heldIoAtEnd / 2);
                settle(paying(0, 0, 0, debit));
                debited += debit;
                vm.assertEq(escrow.openingOf(next + 1).debitedIo, debited);
                (int256 ioFlow, int256 iosdFlow) = escrow.flowIn(next);
                vm.assertTrue(ioFlow == 0 && iosdFlow == 0);
            }
        }
        vm.assertEq(escrow.held(IO_ASSET), ioAtEnd[9] - debited);
        vm.assertEq(escrow.held(IOSD_ASSET), iosdAtEnd[9]);
        vm.assertEq(io.balanceOf(address(escrow)), escrow.held(IO_ASSET));
    }

    function testFuzz_limitsADebitToItsShareRoundedDown(uint256 deposited) external {
        deposited = bound(deposited, 0.1e18, 100_000e18);
        deposit(BOB, IO_ASSET, deposited);
        endEpoch(0);
        uint256 maximum = deposited * 5000 / 10_000;
        refuses(
            paying(0, 0, 0, maximum + 1),
            abi.encodeWithSelector(ISettlement.DebitAboveMaximum.selector, IO_ASSET, maximum + 1, maximum)
        );
        settle(paying(0, 0, 0, maximum));
    }

    // --- what was withdrawn outruns nothing ---

    /// @dev Invariant 12. Alice asks for all of it at once, works on by holds from before, and gets what these left.
    function test_oneDepositThatIsWithdrawnOutrunsNothing() external {
        deposit(ALICE, IO_ASSET, 1000e18);
        deposit(BOB, IO_ASSET, 9000e18);
        request(ALICE, IO_ASSET, 1000e18);
        uint256 spent = 0;
        bytes32 ofBob = debitLeaf(BOB, 0, 0);
        // Holds last two epochs, and one accepted before the request was final is open in epoch 3.
        for (uint64 epoch = 0; epoch < 4; ++epoch) {
            refusesToFinish(
                spent, ofBob, abi.encodeWithSelector(IEscrow.NotYetWithdrawable.selector, epoch, 4)
            );
            endEpoch(epoch);
            spent += 200e18;
            settleWithRoot(pair(debitLeaf(ALICE, 0, spent), ofBob), 200e18);
        }
        vm.assertEq(finish(ALICE, IO_ASSET, spent, proof(ofBob)), 200e18);
        vm.assertEq(escrow.held(IO_ASSET), 9000e18);
        // Once, and only what she has.
        refusesToFinish(spent, ofBob, abi.encodeWithSelector(IEscrow.NoRequest.selector));
        request(ALICE, IO_ASSET, 800e18);
        for (uint64 epoch = 4; epoch < 9; ++epoch) {
            endEpoch(epoch);
            settleWithRoot(pair(debitLeaf(ALICE, 0, spent), ofBob), 0);
        }
        refusesToFinish(
            spent, ofBob, abi.encodeWithSelector(IEscrow.NothingLeft.selector, 1000e18, 200e18, 800e18)
        );
        vm.assertEq(io.balanceOf(address(escrow)), 9000e18);
    }

    /// @dev More was withdrawn, by the thirty days, than debits that became active later left. Nothing is debited then, and
    /// no epoch is stopped.
    function test_whatIsBelowZeroCountsAsNothing() external {
        deposit(ALICE, IO_ASSET, 1000e18);
        request(ALICE, IO_ASSET, 1000e18);
        vm.warp(START + 30 days);
        uint64 epoch = uint64(30 days / EPOCH_LENGTH_SEC);
        vm.assertEq(finish(ALICE, IO_ASSET, 0, noProof), 1000e18);
        endEpoch(epoch);
        deposit(BOB, IO_ASSET, 1000e18);
        vm.prank(address(settlement));
        escrow.debit(0, 0, 0, 700e18);
        vm.assertEq(escrow.held(IO_ASSET), 300e18);
        vm.assertEq(escrow.openingOf(epoch).heldIoAtEnd, 0);
    }
}
