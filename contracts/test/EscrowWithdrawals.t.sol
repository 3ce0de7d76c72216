// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow, PayerAccount} from "../src/interfaces/IEscrow.sol";
import {Economy} from "./support/Economy.sol";

contract EscrowWithdrawalsTest is Economy {
    bytes32[] private noProof;

    function setUp() external {
        deployEconomy(0);
        giveIosd(ALICE, 1000e18);
        giveIosd(BOB, 1000e18);
        vm.prank(ALICE);
        io.transfer(BOB, 1000e18);
    }

    /// @dev As Settlement does it, with leaves of ALICE and BOB.
    function debit(uint64 epoch, bytes32 root, uint256 iosdAmount, uint256 ioAmount) private {
        vm.prank(address(settlement));
        escrow.debit(epoch, root, iosdAmount, ioAmount);
    }

    function request(address payer, uint8 asset, uint256 amount) private {
        vm.prank(payer);
        escrow.requestWithdraw(asset, amount);
    }

    function finish(
        address payer,
        uint8 asset,
        uint256 cumulativeIosd,
        uint256 cumulativeIo,
        bytes32[] memory path
    ) private returns (uint256) {
        vm.prank(payer);
        return escrow.finish(asset, cumulativeIosd, cumulativeIo, path);
    }

    function refusesToFinish(address payer, uint8 asset, bytes32[] memory path, bytes memory reason) private {
        vm.prank(payer);
        vm.expectRevert(reason);
        escrow.finish(asset, 0, 0, path);
    }

    // --- withdrawals ---

    function test_aRequestCanBeSeenTakenBackAndMadeAgain() external {
        deposit(ALICE, IO_ASSET, 10e18);
        vm.warp(START + 3 * EPOCH_LENGTH_SEC);
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IEscrow.WithdrawalRequested(ALICE, IO_ASSET, 4e18, 3);
        request(ALICE, IO_ASSET, 4e18);
        PayerAccount memory account = escrow.accountOf(ALICE, IO_ASSET);
        vm.assertEq(account.requested, 4e18);
        vm.assertEq(account.requestEpoch, 3);
        vm.assertEq(account.requestedAt, block.timestamp);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.RequestAlreadyOpen.selector, 4e18));
        escrow.requestWithdraw(IO_ASSET, 1);
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IEscrow.WithdrawalCancelled(ALICE, IO_ASSET);
        vm.prank(ALICE);
        escrow.cancel(IO_ASSET);
        vm.assertEq(escrow.accountOf(ALICE, IO_ASSET).requested, 0);
        request(ALICE, IO_ASSET, 10e18);
    }

    function test_refusesRequestsForNothingOrMoreThanIsThere() external {
        deposit(ALICE, IO_ASSET, 10e18);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ZeroAmount.selector));
        escrow.requestWithdraw(IO_ASSET, 0);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.AboveDeposit.selector, 10e18 + 1, 10e18));
        escrow.requestWithdraw(IO_ASSET, 10e18 + 1);
        vm.prank(BOB);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.AboveDeposit.selector, 1, 0));
        escrow.requestWithdraw(IO_ASSET, 1);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NoRequest.selector));
        escrow.cancel(IO_ASSET);
        refusesToFinish(ALICE, IO_ASSET, noProof, abi.encodeWithSelector(IEscrow.NoRequest.selector));
    }

    function test_paysOnceNoHoldFromBeforeTheRequestCanBeOpen() external {
        deposit(ALICE, IO_ASSET, 10e18);
        request(ALICE, IO_ASSET, 10e18);
        bytes32 root = debitLeaf(ALICE, 0, 4e18);
        // The request is of epoch 0, holds last 2 epochs: epoch 3 must be active.
        for (uint64 epoch = 0; epoch < 3; ++epoch) {
            debit(epoch, root, 0, epoch == 0 ? 4e18 : 0);
            refusesToFinish(
                ALICE,
                IO_ASSET,
                noProof,
                abi.encodeWithSelector(IEscrow.NotYetWithdrawable.selector, epoch + 1, 4)
            );
        }
        debit(3, root, 0, 0);
        uint256 before = io.balanceOf(ALICE);
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IEscrow.Withdrawn(ALICE, IO_ASSET, 6e18);
        vm.assertEq(finish(ALICE, IO_ASSET, 0, 4e18, noProof), 6e18);
        vm.assertEq(io.balanceOf(ALICE), before + 6e18);
        vm.assertEq(escrow.held(IO_ASSET), 0);
        refusesToFinish(ALICE, IO_ASSET, noProof, abi.encodeWithSelector(IEscrow.NoRequest.selector));
    }

    function test_paysNoMoreThanWasAskedFor() external {
        deposit(ALICE, IOSD_ASSET, 10e18);
        request(ALICE, IOSD_ASSET, 3e18);
        debit(9, debitLeaf(ALICE, 2e18, 0), 2e18, 0);
        vm.assertEq(finish(ALICE, IOSD_ASSET, 2e18, 0, noProof), 3e18);
        vm.assertEq(iosd.balanceOf(ALICE), 993e18);
        vm.assertEq(escrow.accountOf(ALICE, IOSD_ASSET).withdrawn, 3e18);
        // 10 − 3 − 2 are left, and no more can be asked for than was not withdrawn.
        request(ALICE, IOSD_ASSET, 7e18);
        debit(20, debitLeaf(ALICE, 2e18, 0), 0, 0);
        vm.assertEq(finish(ALICE, IOSD_ASSET, 2e18, 0, noProof), 5e18);
    }

    function test_paysNothingWhenAllIsSpent() external {
        deposit(ALICE, IO_ASSET, 10e18);
        request(ALICE, IO_ASSET, 1e18);
        debit(9, debitLeaf(ALICE, 0, 10e18), 0, 10e18);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NothingLeft.selector, 10e18, 0, 10e18));
        escrow.finish(IO_ASSET, 0, 10e18, noProof);
    }

    function testFuzz_believesNoDebitThatIsNotInTheRoot(uint256 iosdClaim, uint256 ioClaim, bytes32 sibling)
        external
    {
        deposit(ALICE, IO_ASSET, 10e18);
        request(ALICE, IO_ASSET, 10e18);
        debit(9, pair(debitLeaf(ALICE, 0, 4e18), debitLeaf(BOB, 0, 1e18)), 0, 5e18);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.InvalidProof.selector, ALICE, iosdClaim, ioClaim));
        escrow.finish(IO_ASSET, iosdClaim, ioClaim, proof(sibling));
    }

    function test_believesNobodyElsesLeaf() external {
        deposit(ALICE, IO_ASSET, 10e18);
        request(ALICE, IO_ASSET, 10e18);
        debit(9, pair(debitLeaf(ALICE, 0, 4e18), debitLeaf(BOB, 0, 1e18)), 0, 5e18);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.InvalidProof.selector, ALICE, 0, 1e18));
        escrow.finish(IO_ASSET, 0, 1e18, proof(debitLeaf(ALICE, 0, 4e18)));
    }

    // --- withdrawals from a network that stands still ---

    function test_paysByTheLastRootAfterThirtyDaysWithoutAnother() external {
        deposit(ALICE, IO_ASSET, 10e18);
        debit(0, debitLeaf(ALICE, 0, 4e18), 0, 4e18);
        request(ALICE, IO_ASSET, 10e18);
        vm.warp(START + 30 days - 1);
        refusesToFinish(
            ALICE, IO_ASSET, noProof, abi.encodeWithSelector(IEscrow.NotYetWithdrawable.selector, 1, 4)
        );
        vm.warp(START + 30 days);
        vm.assertEq(finish(ALICE, IO_ASSET, 0, 4e18, noProof), 6e18);
    }

    function test_thirtyDaysCountFromTheRequestToo() external {
        deposit(ALICE, IO_ASSET, 10e18);
        vm.warp(START + 40 days);
        request(ALICE, IO_ASSET, 10e18);
        uint64 required = uint64(40 days / EPOCH_LENGTH_SEC) + 4;
        refusesToFinish(
            ALICE, IO_ASSET, noProof, abi.encodeWithSelector(IEscrow.NotYetWithdrawable.selector, 0, required)
        );
        vm.warp(START + 70 days);
        vm.assertEq(finish(ALICE, IO_ASSET, 0, 0, noProof), 10e18);
    }

    function test_whoDepositedAfterTheLastEpochNeedsNoLeaf() external {
        deposit(ALICE, IO_ASSET, 10e18);
        endEpoch(0);
        debit(0, debitLeaf(ALICE, 0, 4e18), 0, 4e18);
        deposit(BOB, IO_ASSET, 5e18);
        request(BOB, IO_ASSET, 5e18);
        request(ALICE, IO_ASSET, 10e18);
        vm.warp(block.timestamp + 30 days);
        // Who has a leaf cannot do without it, and who has none cannot have one.
        refusesToFinish(
            ALICE, IO_ASSET, noProof, abi.encodeWithSelector(IEscrow.InvalidProof.selector, ALICE, 0, 0)
        );
        vm.prank(BOB);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.InvalidProof.selector, BOB, 1, 0));
        escrow.finish(IO_ASSET, 1, 0, noProof);
        vm.assertEq(finish(BOB, IO_ASSET, 0, 0, noProof), 5e18);
    }

    function test_waitsForAStagedEpochWhoseDebitsAreFixed() external {
        deployEconomy(45);
        rotate(GROUP_SECRET, 0);
        deposit(ALICE, IO_ASSET, 10e18);
        request(ALICE, IO_ASSET, 10e18);
        vm.warp(START + 30 days);
        vm.roll(block.number + 2);
        settle(emptyReport());
        refusesToFinish(ALICE, IO_ASSET, noProof, abi.encodeWithSelector(IEscrow.EpochStaged.selector, 0));
    }

    // --- laws ---

    /// @dev Invariants 11 and 12: whatever two payers deposit, spend and withdraw, the escrow has what it owes.
    function testFuzz_hasWhatItOwes(uint128[6] memory amounts, uint256 aliceSpends, uint256 bobSpends)
        external
    {
        uint256 alice = bound(amounts[0], 0.1e18, 1000e18);
        uint256 bob = bound(amounts[1], 0.1e18, 1000e18);
        aliceSpends = bound(aliceSpends, 0, alice);
        bobSpends = bound(bobSpends, 0, bob);
        deposit(ALICE, IO_ASSET, alice);
        deposit(BOB, IO_ASSET, bob);
        request(ALICE, IO_ASSET, bound(amounts[2], 1, alice));
        bytes32 aliceLeaf = debitLeaf(ALICE, 0, aliceSpends);
        bytes32 bobLeaf = debitLeaf(BOB, 0, bobSpends);
        debit(5, pair(aliceLeaf, bobLeaf), 0, aliceSpends + bobSpends);
        uint256 paid = 0;
        if (aliceSpends < alice) paid = finish(ALICE, IO_ASSET, 0, aliceSpends, proof(bobLeaf));
        vm.assertEq(escrow.held(IO_ASSET), alice + bob - aliceSpends - bobSpends - paid);
        vm.assertEq(io.balanceOf(address(escrow)), escrow.held(IO_ASSET));
        // The other one's money is all there.
        vm.assertGe(escrow.held(IO_ASSET), bob - bobSpends);
    }
}
