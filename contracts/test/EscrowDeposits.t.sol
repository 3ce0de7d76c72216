// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochTiming} from "../src/interfaces/IEpochClock.sol";
import {Debits, IEscrow, Spender} from "../src/interfaces/IEscrow.sol";
import {Economy} from "./support/Economy.sol";

contract EscrowDepositsTest is Economy {
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

    // --- deposits ---

    function test_takesBothTokensAndCountsThem() external {
        vm.prank(ALICE);
        iosd.approve(address(escrow), 5e18);
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IEscrow.Deposited(ALICE, IOSD_ASSET, 5e18);
        vm.prank(ALICE);
        escrow.deposit(IOSD_ASSET, 5e18);
        deposit(ALICE, IO_ASSET, 2e18);
        deposit(ALICE, IO_ASSET, 1e18);
        vm.assertEq(escrow.held(IO_ASSET), 3e18);
        vm.assertEq(escrow.held(IOSD_ASSET), 5e18);
        vm.assertEq(iosd.balanceOf(address(escrow)), 5e18);
        vm.assertEq(escrow.accountOf(ALICE, IO_ASSET).deposited, 3e18);
        vm.warp(START + 3 * EPOCH_LENGTH_SEC);
        deposit(ALICE, IO_ASSET, 1e18);
        deposit(BOB, IO_ASSET, 1e18);
        (bool hasDeposited, uint64 epoch) = escrow.firstDepositOf(ALICE);
        vm.assertTrue(hasDeposited);
        vm.assertEq(epoch, 0);
        (, epoch) = escrow.firstDepositOf(BOB);
        vm.assertEq(epoch, 3);
        (hasDeposited,) = escrow.firstDepositOf(address(this));
        vm.assertFalse(hasDeposited);
    }

    function test_refusesDepositsThatAreNotWorthALeaf() external {
        vm.expectRevert(abi.encodeWithSelector(IEscrow.DepositTooSmall.selector, 0.1e18 - 1, 0.1e18));
        escrow.deposit(IO_ASSET, 0.1e18 - 1);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.DepositTooSmall.selector, 1e18 - 1, 1e18));
        escrow.deposit(IOSD_ASSET, 1e18 - 1);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.UnknownAsset.selector, 3));
        escrow.deposit(3, 1e18);
    }

    function test_ignoresWhatIsSentToItOtherwise() external {
        vm.prank(ALICE);
        io.transfer(address(escrow), 7e18);
        vm.assertEq(escrow.held(IO_ASSET), 0);
    }

    // --- debits ---

    function test_burnsWhatWasSpentInIosdAndPassesIoOn() external {
        deposit(ALICE, IO_ASSET, 10e18);
        deposit(ALICE, IOSD_ASSET, 20e18);
        uint256 supply = iosd.totalSupply();
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IEscrow.Debited(0, "root", 4e18, 3e18);
        debit(0, "root", 4e18, 3e18);
        vm.assertEq(iosd.totalSupply(), supply - 4e18);
        vm.assertEq(io.balanceOf(address(distributor)), 3e18);
        vm.assertEq(escrow.held(IO_ASSET), 7e18);
        vm.assertEq(escrow.held(IOSD_ASSET), 16e18);
        debit(1, "next", 1e18, 1e18);
        Debits memory debits = escrow.debits();
        vm.assertEq(debits.root, "next");
        vm.assertEq(debits.iosd, 5e18);
        vm.assertEq(debits.io, 4e18);
        vm.assertEq(debits.settledEpochs, 2);
        vm.assertEq(debits.activatedAt, block.timestamp);
    }

    function test_debitsForSettlementOnlyAndNoMoreThanItHolds() external {
        deposit(ALICE, IO_ASSET, 10e18);
        deposit(ALICE, IOSD_ASSET, 20e18);
        vm.expectRevert(
            abi.encodeWithSelector(IEscrow.Unauthorized.selector, address(this), address(settlement))
        );
        escrow.debit(0, 0, 0, 0);
        vm.prank(address(settlement));
        vm.expectRevert(abi.encodeWithSelector(IEscrow.DebitAboveHeld.selector, IOSD_ASSET, 20e18 + 1, 20e18));
        escrow.debit(0, 0, 20e18 + 1, 0);
        vm.prank(address(settlement));
        vm.expectRevert(abi.encodeWithSelector(IEscrow.DebitAboveHeld.selector, IO_ASSET, 10e18 + 1, 10e18));
        escrow.debit(0, 0, 0, 10e18 + 1);
    }

    // --- spenders ---

    function test_aSpenderHoldsFromTheNextEpochOn() external {
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IEscrow.SpenderSet(ALICE, BOB, 5, 6, 1);
        vm.prank(ALICE);
        escrow.setSpender(BOB, 5, 6);
        vm.assertEq(escrow.spenderAt(ALICE, 0).account, address(0));
        Spender memory spender = escrow.spenderAt(ALICE, 1);
        vm.assertEq(spender.account, BOB);
        vm.assertEq(spender.ioLimit, 5);
        vm.assertEq(spender.iosdLimit, 6);

        vm.warp(START + 4 * EPOCH_LENGTH_SEC);
        vm.prank(ALICE);
        escrow.setSpender(address(0), 0, 0);
        vm.assertEq(escrow.spenderAt(ALICE, 4).account, BOB);
        vm.assertEq(escrow.spenderAt(ALICE, 5).account, address(0));
    }

    function test_ofTwoSpendersSetInOneEpochTheLastHolds() external {
        vm.prank(ALICE);
        escrow.setSpender(BOB, 5, 6);
        vm.warp(START + 4 * EPOCH_LENGTH_SEC);
        vm.prank(ALICE);
        escrow.setSpender(address(1), 1, 1);
        vm.prank(ALICE);
        escrow.setSpender(address(2), 2, 2);
        vm.assertEq(escrow.spenderAt(ALICE, 4).account, BOB);
        vm.assertEq(escrow.spenderAt(ALICE, 5).account, address(2));
    }

    function test_refusesThePayerAsItsOwnSpender() external {
        vm.expectRevert(abi.encodeWithSelector(IEscrow.SpenderIsPayer.selector));
        escrow.setSpender(address(this), 1, 1);
    }

    // --- construction ---

    function test_refusesHoldsThatOutliveTheThirtyDays() external {
        EpochTiming memory hours_ = EpochTiming(uint40(START), 3600);
        deployEscrow(address(settlement), address(distributor), 718, hours_);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.HoldTooLong.selector, 721 hours, 30 days));
        vm.deployCode(
            "Escrow.sol:Escrow",
            abi.encode(address(io), address(iosd), address(settlement), address(distributor), 719, hours_)
        );
    }

    function test_holdsNothingOfAnAssetThatIsNone() external view {
        vm.assertEq(escrow.held(0), 0);
        vm.assertEq(escrow.held(3), 0);
    }
}
