// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {BurnerParams, IBurner, Permit, Report} from "../src/interfaces/IBurner.sol";
import {Network} from "./support/Network.sol";

contract BurnerTest is Network {
    uint256 private constant CAROL_SECRET = uint256(keccak256("carol"));
    Report private none;

    function setUp() external {
        deployNetwork(4);
        rotate(GROUP_SECRET, 0);
        vm.prank(ALICE);
        io.approve(address(burner), type(uint256).max);
    }

    function burn(uint256 ioIn) private returns (uint256) {
        vm.prank(ALICE);
        return burner.burnExactIn(ioIn, 0, block.timestamp);
    }

    function refusesToBurn(bytes memory reason) private {
        vm.prank(ALICE);
        vm.expectRevert(reason);
        burner.burnExactIn(1e18, 0, block.timestamp);
        vm.prank(ALICE);
        vm.expectRevert(reason);
        burner.burnExactOut(1e18, type(uint256).max, block.timestamp);
    }

    function report(uint256 reportWord) private returns (Report memory) {
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, feed.reportDigest(reportWord));
        return Report(reportWord, r, s);
    }

    // --- amounts ---

    function test_oneIoAtFiveDollarsIsFiveIosd() external {
        update(word(5e18, START));
        vm.expectEmit(true, true, true, true, address(burner));
        emit IBurner.Burned(ALICE, 0, 1e18, 5e18, 5e18, uint40(START * 10));
        vm.assertEq(burn(1e18), 5e18);
        vm.assertEq(iosd.balanceOf(ALICE), 5e18);
        vm.assertEq(io.balanceOf(ALICE), GENESIS - 1e18);
        vm.assertEq(io.totalSupply(), GENESIS - 1e18);
    }

    function testFuzz_exactInMintsTheValueRoundedDown(uint256 ioIn, uint256 price) external {
        price = bound(price, 1, type(uint80).max);
        ioIn = bound(ioIn, 1, burner.burnable());
        vm.assume(ioIn * price >= 1e18);
        update(word(price, START));
        vm.assertEq(burn(ioIn), ioIn * price / 1e18);
    }

    function testFuzz_exactOutNeverMintsMoreThanTheValueBurned(uint256 iosdOut, uint256 price) external {
        price = bound(price, 1e9, type(uint80).max);
        iosdOut = bound(iosdOut, 1, burner.burnable() * price / 1e18);
        update(word(price, START));
        vm.prank(ALICE);
        uint256 ioIn = burner.burnExactOut(iosdOut, type(uint256).max, block.timestamp);
        vm.assertEq(iosd.balanceOf(ALICE), iosdOut);
        vm.assertGe(ioIn * price, iosdOut * 1e18);
        vm.assertTrue((ioIn - 1) * price < iosdOut * 1e18);
    }

    function test_countsBurnsByEpochAndInTotal() external {
        update(word(2e18, START));
        burn(3e18);
        burn(1e18);
        vm.warp(START + EPOCH_LENGTH_SEC);
        update(word(2e18, block.timestamp));
        burn(5e18);
        vm.assertEq(burner.burnedIn(0), 4e18);
        vm.assertEq(burner.burnedIn(1), 5e18);
        vm.assertEq(burner.totalBurned(), 9e18);
    }

    function testFuzz_epochsStartAtTheirStart(uint256 time) external {
        time = bound(time, 0, START + 1e9);
        if (time < START) {
            vm.expectRevert(abi.encodeWithSelector(IBurner.EpochsNotStarted.selector, time, START));
            burner.epochOf(time);
        } else {
            uint256 epoch = burner.epochOf(time);
            vm.assertLe(START + epoch * EPOCH_LENGTH_SEC, time);
            vm.assertTrue(time < START + (epoch + 1) * EPOCH_LENGTH_SEC);
        }
    }

    // --- refusals ---

    function test_refusesWithoutAPrice() external {
        refusesToBurn(abi.encodeWithSelector(IBurner.NoPrice.selector));
    }

    function test_refusesAnOldPrice() external {
        update(word(2e18, START));
        vm.warp(START + 30);
        burn(1e18);
        vm.warp(START + 31);
        refusesToBurn(abi.encodeWithSelector(IBurner.PriceTooOld.selector, 31, 30));
    }

    function test_burnsAtAPriceThatIsAheadOfTheBlock() external {
        update(word(2e18, 25, START + 5, START * 10));
        vm.assertEq(burn(1e18), 2e18);
    }

    function test_refusesAWideConfidence() external {
        update(word(2e18, 201, START, START * 10));
        refusesToBurn(abi.encodeWithSelector(IBurner.ConfidenceTooWide.selector, 201, 200));
        update(word(2e18, 200, START, START * 10 + 1));
        burn(1e18);
    }

    function test_refusesAPriceMoreThanFivePercentAboveItsAverage() external {
        update(word(2e18, START));
        update(word(2.1e18 + 1, 25, START, START * 10 + 1));
        refusesToBurn(abi.encodeWithSelector(IBurner.PriceAboveAverage.selector, 2.1e18 + 1, 2.1e18));
        update(word(2.1e18, 25, START, START * 10 + 2));
        burn(1e18);
    }

    function test_burnsFarBelowTheAverage() external {
        update(word(2e18, START));
        update(word(0.01e18, 25, START, START * 10 + 1));
        vm.assertEq(burn(1e18), 0.01e18);
    }

    function test_refusesAfterTheDeadline() external {
        update(word(2e18, START));
        bytes memory reason = abi.encodeWithSelector(IBurner.DeadlinePassed.selector, START, START - 1);
        vm.prank(ALICE);
        vm.expectRevert(reason);
        burner.burnExactIn(1e18, 0, START - 1);
        vm.prank(ALICE);
        vm.expectRevert(reason);
        burner.burnExactOut(1e18, 1e18, START - 1);
    }

    function test_refusesToBurnForNothing() external {
        update(word(0.5e18, START));
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IBurner.ZeroOutput.selector));
        burner.burnExactIn(1, 0, START);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IBurner.ZeroOutput.selector));
        burner.burnExactOut(0, 1, START);
    }

    function test_keepsTheLimitsOfTheCaller() external {
        update(word(2e18, START));
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IBurner.OutputTooLow.selector, 2e18, 2e18 + 1));
        burner.burnExactIn(1e18, 2e18 + 1, START);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IBurner.InputTooHigh.selector, 1e18, 1e18 - 1));
        burner.burnExactOut(2e18, 1e18 - 1, START);
    }

    function test_needsAnAllowance() external {
        update(word(2e18, START));
        vm.prank(ALICE);
        io.approve(address(burner), 0);
        refusesToBurnWithoutAllowance();
    }

    function refusesToBurnWithoutAllowance() private {
        vm.prank(ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(burner), 0, 1e18)
        );
        burner.burnExactIn(1e18, 0, block.timestamp);
    }

    function createBurner(uint40 epochLengthSec) external {
        deployBurner(DISTRIBUTOR, BurnerParams(uint40(START), epochLengthSec));
    }

    function test_refusesEpochsThatMakeNoSense() external {
        vm.expectRevert(abi.encodeWithSelector(IBurner.ZeroEpochLength.selector));
        this.createBurner(0);
        vm.expectRevert(abi.encodeWithSelector(IBurner.EpochTooLong.selector, 3601, 3600));
        this.createBurner(3601);
        this.createBurner(3600);
    }

    // --- with a report ---

    function test_appliesTheReportBeforeBurning() external {
        update(word(2e18, START));
        Report memory newer = report(word(1.5e18, 25, START, START * 10 + 1));
        vm.prank(ALICE);
        vm.assertEq(burner.burnExactInWithReport(1e18, 0, START, newer), 1.5e18);
        newer = report(word(1.6e18, 25, START, START * 10 + 2));
        vm.prank(ALICE);
        vm.assertEq(burner.burnExactOutWithReport(1.6e18, 1e18, START, newer), 1e18);
    }

    function test_skipsAReportThatTheFeedHasAlready() external {
        Report memory same = report(word(2e18, START));
        feed.update(same.word, same.r, same.s);
        vm.prank(ALICE);
        vm.assertEq(burner.burnExactInWithReport(1e18, 0, START, same), 2e18);
        vm.prank(ALICE);
        vm.assertEq(burner.burnExactInWithReport(1e18, 0, START, none), 2e18);
    }

    function test_keepsTheLimitsOfTheCallerAtThePriceOfTheReport() external {
        update(word(2e18, START));
        Report memory newer = report(word(1.5e18, 25, START, START * 10 + 1));
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IBurner.OutputTooLow.selector, 1.5e18, 1.5e18 + 1));
        burner.burnExactInWithReport(1e18, 1.5e18 + 1, START, newer);
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IBurner.InputTooHigh.selector, 1e18, 1e18 - 1));
        burner.burnExactOutWithReport(1.5e18, 1e18 - 1, START, newer);
    }

    function test_refusesWithAReportAfterTheDeadline() external {
        Report memory newer = report(word(2e18, START));
        bytes memory reason = abi.encodeWithSelector(IBurner.DeadlinePassed.selector, START, START - 1);
        vm.prank(ALICE);
        vm.expectRevert(reason);
        burner.burnExactInWithReport(1e18, 2e18, START - 1, newer);
        vm.prank(ALICE);
        vm.expectRevert(reason);
        burner.burnExactOutWithReport(2e18, 1e18, START - 1, newer);
    }

    function test_refusesAForgedReport() external {
        update(word(2e18, START));
        Report memory forged = report(word(1.9e18, 25, START, START * 10 + 1));
        forged.s += 1;
        vm.prank(ALICE);
        vm.expectRevert();
        burner.burnExactInWithReport(1e18, 0, START, forged);
    }

    // --- with a permit ---

    function permitOfCarol(uint256 amount) private returns (address carol, Permit memory permit) {
        carol = vm.addr(CAROL_SECRET);
        vm.prank(ALICE);
        io.transfer(carol, 10e18);
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
                ),
                carol,
                address(burner),
                amount,
                io.nonces(carol),
                START
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(CAROL_SECRET, keccak256(abi.encodePacked(hex"1901", io.DOMAIN_SEPARATOR(), structHash)));
        permit = Permit(START, v, r, s);
    }

    function test_burnsWithAPermitInsteadOfAnAllowance() external {
        (address carol, Permit memory permit) = permitOfCarol(1e18);
        Report memory first = report(word(2e18, START));
        vm.prank(carol);
        vm.assertEq(burner.burnExactInWithPermit(1e18, 2e18, START, permit, first), 2e18);
        vm.assertEq(io.allowance(carol, address(burner)), 0);
    }

    function test_burnsForAnExactOutputWithAPermitOverTheMaximum() external {
        update(word(2e18, START));
        (address carol, Permit memory permit) = permitOfCarol(3e18);
        Report memory newer = report(word(1.6e18, 25, START, START * 10 + 1));
        vm.prank(carol);
        vm.assertEq(burner.burnExactOutWithPermit(4e18, 3e18, START, permit, newer), 2.5e18);
        vm.assertEq(io.allowance(carol, address(burner)), 0.5e18);
    }

    function test_keepsTheLimitsOfTheCallerWithAPermit() external {
        (address carol, Permit memory permit) = permitOfCarol(1e18);
        Report memory first = report(word(2e18, START));
        vm.prank(carol);
        vm.expectRevert(abi.encodeWithSelector(IBurner.OutputTooLow.selector, 2e18, 2e18 + 1));
        burner.burnExactInWithPermit(1e18, 2e18 + 1, START, permit, first);
        vm.prank(carol);
        vm.expectRevert(abi.encodeWithSelector(IBurner.InputTooHigh.selector, 1e18 + 1, 1e18));
        burner.burnExactOutWithPermit(2e18 + 1, 1e18, START, permit, first);
    }

    function test_refusesWithAPermitAfterTheDeadline() external {
        (address carol, Permit memory permit) = permitOfCarol(1e18);
        Report memory first = report(word(2e18, START));
        bytes memory reason = abi.encodeWithSelector(IBurner.DeadlinePassed.selector, START, START - 1);
        vm.prank(carol);
        vm.expectRevert(reason);
        burner.burnExactInWithPermit(1e18, 2e18, START - 1, permit, first);
        vm.prank(carol);
        vm.expectRevert(reason);
        burner.burnExactOutWithPermit(2e18, 1e18, START - 1, permit, first);
    }

    function test_aPermitThatSomebodyUsedFirstIsNoFailure() external {
        update(word(2e18, START));
        (address carol, Permit memory permit) = permitOfCarol(1e18);
        io.permit(carol, address(burner), 1e18, permit.deadline, permit.v, permit.r, permit.s);
        vm.prank(carol);
        vm.assertEq(burner.burnExactInWithPermit(1e18, 0, START, permit, none), 2e18);
    }

    function test_aPermitOfSomebodyElseGivesNothing() external {
        update(word(2e18, START));
        (, Permit memory permit) = permitOfCarol(1e18);
        vm.prank(ALICE);
        io.approve(address(burner), 0);
        vm.prank(ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(burner), 0, 1e18)
        );
        burner.burnExactInWithPermit(1e18, 0, START, permit, none);
    }
}
