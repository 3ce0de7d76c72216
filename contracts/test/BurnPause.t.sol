// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBurner, Permit, Report} from "../src/interfaces/IBurner.sol";
import {IOracleRegistry, Signature} from "../src/interfaces/IOracleRegistry.sol";
import {OracleDomain} from "../src/libraries/OracleDomain.sol";
import {Economy} from "./support/Economy.sol";

contract BurnPauseTest is Economy {
    /// @dev f + 1 of the four members.
    uint256 private constant ONE_HONEST = 2;
    Report private none;

    function setUp() external {
        deployEconomy(0);
        rotate(GROUP_SECRET, 0);
        vm.prank(ALICE);
        io.approve(address(burner), type(uint256).max);
        update(word(2e18, START));
    }

    function pause() private {
        burner.pause(quorum(burner.pauseDigest(), 0, ONE_HONEST));
    }

    function refusesToPause(bytes memory reason) private {
        Signature[] memory signatures = quorum(burner.pauseDigest(), 0, ONE_HONEST);
        vm.expectRevert(reason);
        burner.pause(signatures);
    }

    function refusesToBurn(bytes memory reason) private {
        uint256 time = vm.getBlockTimestamp();
        Permit memory permit;
        vm.prank(ALICE);
        vm.expectRevert(reason);
        burner.burnExactIn(1e18, 0, time);
        vm.prank(ALICE);
        vm.expectRevert(reason);
        burner.burnExactOut(1e18, type(uint256).max, time);
        vm.prank(ALICE);
        vm.expectRevert(reason);
        burner.burnExactInWithReport(1e18, 0, time, none);
        vm.prank(ALICE);
        vm.expectRevert(reason);
        burner.burnExactOutWithPermit(1e18, 1e18, time, permit, none);
        vm.prank(address(distributor));
        vm.expectRevert(reason);
        burner.burnClaimed(ALICE, 1e18, 0, time, none);
    }

    function test_stopsAllBurnsForSeventyTwoHours() external {
        uint256 until = START + 72 hours;
        Signature[] memory signatures = quorum(burner.pauseDigest(), 0, ONE_HONEST);
        vm.expectEmit(true, true, true, true, address(burner));
        emit IBurner.BurnsPaused(1, until);
        burner.pause(signatures);
        vm.assertEq(burner.pausedUntil(), until);
        vm.assertEq(burner.pauses(), 1);
        refusesToBurn(abi.encodeWithSelector(IBurner.Paused.selector, until));
        vm.warp(until - 1);
        update(word(2e18, until - 1));
        refusesToBurn(abi.encodeWithSelector(IBurner.Paused.selector, until));
        vm.warp(until);
        vm.prank(ALICE);
        vm.assertEq(burner.burnExactIn(1e18, 0, until), 2e18);
    }

    function test_isSignedInTheDomainOfTheRegistry() external view {
        bytes32 structHash = keccak256(abi.encode(keccak256("PauseBurns(uint32 pauses)"), uint32(0)));
        vm.assertEq(
            burner.pauseDigest(), OracleDomain.digest(OracleDomain.separator(address(registry)), structHash)
        );
    }

    function test_isForAPartOfTheMembersThatMustHoldAnHonestOne() external {
        bytes32 digest = burner.pauseDigest();
        Signature[] memory one = quorum(digest, 0, 1);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.QuorumNotReached.selector, 1, 2));
        burner.pause(one);
        Signature[] memory withAStranger = quorum(digest, 3, 2);
        vm.expectRevert(
            abi.encodeWithSelector(IOracleRegistry.NotActiveMember.selector, vm.addr(memberSecret(4)))
        );
        burner.pause(withAStranger);
        vm.assertEq(burner.pauses(), 0);
        burner.pause(quorum(digest, 0, 4));
    }

    function test_comesOnceInFourteenDays() external {
        pause();
        uint256 earliest = START + 14 days;
        bytes memory reason = abi.encodeWithSelector(IBurner.PauseTooSoon.selector, START, earliest);
        refusesToPause(reason);
        vm.warp(earliest - 1);
        reason = abi.encodeWithSelector(IBurner.PauseTooSoon.selector, earliest - 1, earliest);
        refusesToPause(reason);
        vm.warp(earliest);
        pause();
        vm.assertEq(burner.pauses(), 2);
        vm.assertEq(burner.pausedUntil(), earliest + 72 hours);
    }

    function test_needsNewSignaturesEachTime() external {
        Signature[] memory first = quorum(burner.pauseDigest(), 0, ONE_HONEST);
        burner.pause(first);
        vm.warp(START + 14 days);
        vm.expectRevert();
        burner.pause(first);
    }

    function test_sharesItsSlotWithTheBucket() external {
        vm.record();
        vm.prank(ALICE);
        burner.burnExactIn(1e18, 0, START);
        (, bytes32[] memory ofBurn) = vm.accesses(address(burner));
        vm.record();
        pause();
        (, bytes32[] memory ofPause) = vm.accesses(address(burner));
        bool shared = false;
        for (uint256 i = 0; i < ofBurn.length; ++i) {
            shared = shared || ofBurn[i] == ofPause[0];
        }
        vm.assertTrue(shared);
        for (uint256 i = 1; i < ofPause.length; ++i) {
            vm.assertEq(ofPause[i], ofPause[0]);
        }
        vm.assertEq(burner.burnable(), GENESIS / 100 - 0.01e18 - 1e18);
    }

    /// @dev Invariant 18.
    function test_leavesSettlementClaimsAndWithdrawalsAlone() external {
        deposit(ALICE, IO_ASSET, 10e18);
        pause();
        endEpoch(0);
        settleEmptyUntil(1);
        vm.assertEq(settlement.nextEpoch(), 1);

        vm.prank(ALICE);
        io.transfer(address(distributor), 3e18);
        vm.prank(address(settlement));
        distributor.fund(1, rewardLeaf(BOB, 3e18), 3e18);
        distributor.claim(BOB, 3e18, new bytes32[](0));
        vm.assertEq(io.balanceOf(BOB), 3e18);

        vm.prank(ALICE);
        escrow.requestWithdraw(IO_ASSET, 10e18);
        vm.assertTrue(burner.pausedUntil() > vm.getBlockTimestamp());
    }
}
