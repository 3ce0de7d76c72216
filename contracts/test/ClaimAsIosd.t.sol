// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBurner, Report} from "../src/interfaces/IBurner.sol";
import {IRewardsDistributor} from "../src/interfaces/IRewardsDistributor.sol";
import {Economy} from "./support/Economy.sol";

contract ClaimAsIosdTest is Economy {
    Report private none;

    function setUp() external {
        deployEconomy(0);
        rotate(GROUP_SECRET, 0);
        update(word(2e18, START));
        post(5e18, 3e18);
    }

    /// @dev Posts a root of two accounts, funded with what it adds.
    function post(uint256 alice, uint256 bob) private {
        uint256 added = alice + bob - distributor.funded();
        vm.prank(ALICE);
        io.transfer(address(distributor), added);
        vm.prank(address(settlement));
        distributor.fund(0, pair(rewardLeaf(ALICE, alice), rewardLeaf(BOB, bob)), added);
    }

    /// @dev BOB's claim beside ALICE's leaf of `alice`.
    function claim(uint256 cumulative, uint256 alice, uint256 minIosdOut) private returns (uint256, uint256) {
        vm.prank(BOB);
        return distributor.claimAsIosd(
            cumulative, proof(rewardLeaf(ALICE, alice)), minIosdOut, vm.getBlockTimestamp(), none
        );
    }

    function refuses(uint256 cumulative, uint256 minIosdOut, bytes memory reason) private {
        vm.expectRevert(reason);
        claim(cumulative, 5e18, minIosdOut);
        // Nothing is lost: it is there as IO.
        vm.assertEq(distributor.claimedBy(BOB), 0);
        vm.assertEq(distributor.claim(BOB, cumulative, proof(rewardLeaf(ALICE, 5e18))), cumulative);
    }

    function test_burnsWhatWasEarnedForIosd() external {
        uint256 supply = io.totalSupply();
        vm.expectEmit(true, true, true, true, address(burner));
        emit IBurner.Burned(BOB, 0, 3e18, 6e18, 2e18, uint40(START * 10));
        vm.expectEmit(true, true, true, true, address(distributor));
        emit IRewardsDistributor.ClaimedAsIosd(BOB, 3e18, 6e18, 3e18);
        (uint256 amount, uint256 iosdOut) = claim(3e18, 5e18, 6e18);
        vm.assertEq(amount, 3e18);
        vm.assertEq(iosdOut, 6e18);
        vm.assertEq(iosd.balanceOf(BOB), 6e18);
        vm.assertEq(io.balanceOf(BOB), 0);
        vm.assertEq(io.totalSupply(), supply - 3e18);
        vm.assertEq(io.balanceOf(address(distributor)), 5e18);
    }

    function test_countsAsAClaimAndAsABurn() external {
        uint256 burnable = burner.burnable();
        claim(3e18, 5e18, 0);
        vm.assertEq(distributor.claimed(), 3e18);
        vm.assertEq(distributor.claimedBy(BOB), 3e18);
        vm.assertEq(distributor.funded(), 8e18);
        vm.assertEq(burner.burnedIn(0), 3e18);
        vm.assertEq(burner.totalBurned(), 3e18);
        vm.assertEq(burner.burnable(), burnable - 3e18 - 0.03e18);
    }

    function test_isForTheDifferenceToTheLastClaim() external {
        distributor.claim(BOB, 3e18, proof(rewardLeaf(ALICE, 5e18)));
        vm.expectRevert(abi.encodeWithSelector(IRewardsDistributor.NothingToClaim.selector, BOB, 3e18));
        claim(3e18, 5e18, 0);
        post(6e18, 4e18);
        (uint256 amount, uint256 iosdOut) = claim(4e18, 6e18, 0);
        vm.assertEq(amount, 1e18);
        vm.assertEq(iosdOut, 2e18);
        vm.expectRevert(abi.encodeWithSelector(IRewardsDistributor.NothingToClaim.selector, BOB, 4e18));
        distributor.claim(BOB, 4e18, proof(rewardLeaf(ALICE, 6e18)));
    }

    function test_goesToTheAccountAndNotToItsPayoutAddress() external {
        vm.prank(BOB);
        distributor.setPayout(address(0xC01D));
        claim(3e18, 5e18, 0);
        vm.assertEq(iosd.balanceOf(BOB), 6e18);
        vm.assertEq(iosd.balanceOf(address(0xC01D)), 0);
    }

    function test_nobodyDecidesItForSomebodyElse() external {
        bytes32[] memory siblings = proof(rewardLeaf(ALICE, 5e18));
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IRewardsDistributor.InvalidProof.selector, ALICE, 3e18));
        distributor.claimAsIosd(3e18, siblings, 0, START, none);
    }

    function test_keepsTheMinimum() external {
        refuses(3e18, 6e18 + 1, abi.encodeWithSelector(IBurner.OutputTooLow.selector, 6e18, 6e18 + 1));
    }

    function test_keepsTheDeadline() external {
        vm.warp(START + 1);
        bytes32[] memory siblings = proof(rewardLeaf(ALICE, 5e18));
        vm.prank(BOB);
        vm.expectRevert(abi.encodeWithSelector(IBurner.DeadlinePassed.selector, START + 1, START));
        distributor.claimAsIosd(3e18, siblings, 0, START, none);
    }

    function test_isGuardedAsEveryBurn() external {
        vm.warp(START + 31);
        refuses(3e18, 0, abi.encodeWithSelector(IBurner.PriceTooOld.selector, 31, 30));
    }

    function test_isRefusedWhileBurnsArePausedAndTheIoIsNot() external {
        burner.pause(quorum(burner.pauseDigest(), 0, 2));
        refuses(3e18, 0, abi.encodeWithSelector(IBurner.Paused.selector, START + 72 hours));
    }

    function test_isRefusedWhenTheBucketIsEmptyAndTheIoIsNot() external {
        post(5e18, 10_000e18 + 1);
        refuses(
            10_000e18 + 1, 0, abi.encodeWithSelector(IBurner.BucketEmpty.selector, 10_000e18 + 1, 10_000e18)
        );
    }

    function test_isRefusedForNothing() external {
        update(word(0.5e18, 25, START, START * 10 + 1));
        distributor.claim(BOB, 3e18, proof(rewardLeaf(ALICE, 5e18)));
        post(5e18, 3e18 + 1);
        vm.expectRevert(abi.encodeWithSelector(IBurner.ZeroOutput.selector));
        claim(3e18 + 1, 5e18, 0);
    }

    function test_bringsANewerReportFirst() external {
        uint256 newer = word(1.5e18, 25, START, START * 10 + 1);
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, feed.reportDigest(newer));
        bytes32[] memory siblings = proof(rewardLeaf(ALICE, 5e18));
        vm.prank(BOB);
        (, uint256 iosdOut) = distributor.claimAsIosd(3e18, siblings, 4.5e18, START, Report(newer, r, s));
        vm.assertEq(iosdOut, 4.5e18);
        vm.assertEq(feed.latestWord() & type(uint40).max, START * 10 + 1);
    }

    function testFuzz_onlyTheDistributorBurnsForOthers(address caller) external {
        vm.assume(caller != address(distributor));
        vm.prank(caller);
        vm.expectRevert(abi.encodeWithSelector(IBurner.Unauthorized.selector, caller, address(distributor)));
        burner.burnClaimed(caller, 1e18, 0, START, none);
    }

    function test_theAllowanceIsForEver() external {
        claim(3e18, 5e18, 0);
        vm.assertEq(io.allowance(address(distributor), address(burner)), type(uint256).max);
    }

    function testFuzz_paysTheValueRoundedDownAndNobodyElse(uint256 earned, uint256 price) external {
        earned = bound(earned, 3e18, 10_000e18);
        price = bound(price, 1e18, type(uint80).max);
        // A feed without a moving average: a price far above it would be refused.
        deployEconomy(0);
        rotate(GROUP_SECRET, 0);
        update(word(price, START));
        post(5e18, earned);
        (uint256 amount, uint256 iosdOut) = claim(earned, 5e18, 0);
        vm.assertEq(amount, earned);
        vm.assertEq(iosdOut, earned * price / 1e18);
        vm.assertEq(iosd.totalSupply(), iosdOut);
        vm.assertEq(io.balanceOf(address(distributor)), distributor.funded() - distributor.claimed());
        distributor.claim(ALICE, 5e18, proof(rewardLeaf(BOB, earned)));
        vm.assertEq(io.balanceOf(address(distributor)), 0);
    }
}
