// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBurner} from "../src/interfaces/IBurner.sol";
import {LeakyBucket} from "../src/libraries/LeakyBucket.sol";
import {Network} from "./support/Network.sol";

contract BurnBucketTest is Network {
    /// @dev A hundredth of the supply.
    uint256 private constant FULL = GENESIS / 100;
    uint256 private constant MAX_SUPPLY = 22_300_000e18;

    function setUp() external {
        deployNetwork(4);
        rotate(GROUP_SECRET, 0);
        vm.prank(ALICE);
        io.approve(address(burner), type(uint256).max);
        update(word(2e18, START));
    }

    function burn(uint256 ioIn) private {
        vm.prank(ALICE);
        burner.burnExactIn(ioIn, 0, vm.getBlockTimestamp());
    }

    function refusesToBurn(uint256 ioIn, uint256 available) private {
        vm.expectRevert(abi.encodeWithSelector(IBurner.BucketEmpty.selector, ioIn, available));
        burn(ioIn);
    }

    /// @dev At a price that is fresh.
    function wait(uint256 elapsedSec) private {
        uint256 time = vm.getBlockTimestamp() + elapsedSec;
        vm.warp(time);
        update(word(2e18, time));
    }

    // --- in the burner ---

    function test_holdsAHundredthOfTheSupply() external {
        vm.assertEq(burner.MAX_HOURLY_BPS(), 100);
        vm.assertEq(burner.burnable(), FULL);
        refusesToBurn(FULL + 1, FULL);
        burn(FULL);
        vm.assertEq(burner.burnable(), 0);
    }

    function test_isOneForAllBurns() external {
        burn(FULL / 2);
        // What was burned is no part of the supply any more.
        uint256 left = FULL - FULL / 200 - FULL / 2;
        vm.assertEq(burner.burnable(), left);
        bytes memory reason = abi.encodeWithSelector(IBurner.BucketEmpty.selector, left + 1, left);
        vm.prank(ALICE);
        vm.expectRevert(reason);
        burner.burnExactOut(2 * (left + 1), type(uint256).max, START);
        vm.prank(ALICE);
        vm.assertEq(burner.burnExactOut(2 * left, type(uint256).max, START), left);
    }

    function test_leaksLinearly() external {
        burn(FULL);
        uint256 capacity = (GENESIS - FULL) / 100;
        wait(36);
        vm.assertEq(burner.burnable(), 0);
        wait(1764);
        vm.assertEq(burner.burnable(), capacity - (FULL - capacity / 2));
        wait(1800);
        vm.assertEq(burner.burnable(), capacity - (FULL - capacity));
        wait(3600);
        vm.assertEq(burner.burnable(), capacity);
        burn(capacity);
    }

    function test_isFullAgainAfterALongTime() external {
        burn(FULL);
        vm.warp(type(uint40).max);
        vm.assertEq(burner.burnable(), (GENESIS - FULL) / 100);
    }

    function test_growsWithTheSupply() external {
        burn(FULL);
        vm.prank(MINTER);
        io.mint(ALICE, FULL + GENESIS);
        vm.assertEq(burner.burnable(), FULL);
        refusesToBurn(FULL + 1, FULL);
        burn(FULL);
    }

    function test_isNotFilledByABurnThatIsRefused() external {
        vm.prank(ALICE);
        vm.expectRevert();
        burner.burnExactIn(FULL, type(uint256).max, START);
        vm.assertEq(burner.burnable(), FULL);
    }

    /// @dev A run is an hour of burns.
    /// forge-config: full.fuzz.runs = 1000
    function testFuzz_neverLetsTwoBucketsThroughInAnHour(uint256 seed) external {
        uint256 total = 0;
        uint256 end = START + 1 hours;
        while (vm.getBlockTimestamp() < end) {
            uint256 available = burner.burnable();
            if (available != 0) {
                uint256 amount = bound(uint256(keccak256(abi.encode(seed, total))), 1, available);
                burn(amount);
                total += amount;
            }
            wait(1 + uint256(keccak256(abi.encode(seed, "wait", total))) % 600);
        }
        vm.assertLe(total, 2 * FULL);
    }

    // --- the arithmetic ---

    function testFuzz_levelAfterLeaksTheWholeCapacityInAnHour(
        uint256 level,
        uint256 capacity,
        uint256 elapsedSec
    ) external pure {
        level = bound(level, 0, type(uint96).max);
        capacity = bound(capacity, 0, MAX_SUPPLY / 100);
        elapsedSec = bound(elapsedSec, 0, type(uint40).max);
        uint256 leaked = capacity * elapsedSec / 3600;
        vm.assertEq(LeakyBucket.levelAfter(level, capacity, elapsedSec), level > leaked ? level - leaked : 0);
        vm.assertEq(LeakyBucket.levelAfter(level, capacity, 0), level);
        if (level <= capacity) vm.assertEq(LeakyBucket.levelAfter(level, capacity, 3600), 0);
    }

    function testFuzz_levelAfterIsNeverLessInStepsThanAtOnce(
        uint256 level,
        uint256 capacity,
        uint256 first,
        uint256 second
    ) external pure {
        capacity = bound(capacity, 0, MAX_SUPPLY / 100);
        level = bound(level, 0, capacity);
        first = bound(first, 0, 7200);
        second = bound(second, 0, 7200);
        uint256 inSteps =
            LeakyBucket.levelAfter(LeakyBucket.levelAfter(level, capacity, first), capacity, second);
        uint256 atOnce = LeakyBucket.levelAfter(level, capacity, first + second);
        vm.assertGe(inSteps, atOnce);
        vm.assertLe(inSteps, atOnce + 1);
    }

    function testFuzz_roomAndLevelFillTheCapacity(uint256 level, uint256 supply) external pure {
        supply = bound(supply, 0, MAX_SUPPLY);
        uint256 capacity = LeakyBucket.capacityOf(supply, 100);
        vm.assertTrue(capacity * 100 <= supply && supply < (capacity + 1) * 100);
        // The burner keeps the level in 96 bits.
        vm.assertLe(capacity, type(uint96).max);
        uint256 room = LeakyBucket.roomIn(level, capacity);
        if (level > capacity) vm.assertEq(room, 0);
        else vm.assertEq(room + level, capacity);
    }
}
