// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochPool, EpochReport, ISettlement} from "../src/interfaces/ISettlement.sol";
import {Economy} from "./support/Economy.sol";

contract SettlementTest is Economy {
    function setUp() external {
        deployEconomy(0);
        rotate(GROUP_SECRET, 0);
        giveIosd(ALICE, 1000e18);
        deposit(ALICE, IO_ASSET, 1000e18);
        deposit(ALICE, IOSD_ASSET, 1000e18);
        endEpoch(0);
    }

    // --- what it does ---

    function test_mintsTakesAndPostsInOneTransaction() external {
        EpochPool memory pool = settlement.nextPool();
        EpochReport memory report = paying(3e18, 2e18, 7e18, 5e18);
        report.rewardRoot = rewardLeaf(BOB, 10e18);
        report.debitRoot = debitLeaf(ALICE, 7e18, 5e18);
        uint256 supply = io.totalSupply();
        vm.expectEmit(true, true, true, true, address(settlement));
        emit ISettlement.EpochStaged(0, 0, block.timestamp, report);
        vm.expectEmit(true, true, true, true, address(settlement));
        emit ISettlement.RewardsPosted(
            0, report.rewardRoot, report.debitRoot, 10e18, 0, pool.pool - 5e18, report.bundleHash
        );
        settle(report);

        vm.assertEq(io.totalSupply(), supply + pool.scheduled + pool.net);
        vm.assertEq(iosd.totalSupply(), 993e18);
        vm.assertEq(distributor.funded(), 10e18);
        vm.assertEq(io.balanceOf(address(distributor)), 10e18);
        vm.assertEq(settlement.reserve(), pool.pool - 5e18);
        vm.assertEq(io.balanceOf(address(settlement)), settlement.reserve());
        vm.assertEq(escrow.held(IO_ASSET), 995e18);
        vm.assertEq(distributor.claim(BOB, 10e18, new bytes32[](0)), 10e18);
    }

    function test_releasesTheReserveOverAYear() external {
        settle(emptyReport());
        uint256 reserve = settlement.reserve();
        vm.assertTrue(reserve > 0);
        EpochPool memory pool = settlement.nextPool();
        vm.assertEq(pool.released, reserve / (365 days / EPOCH_LENGTH_SEC));
        endEpoch(1);
        settle(paying(0, pool.pool, 0, 0));
        vm.assertEq(settlement.reserve(), reserve - pool.released);
    }

    /// @dev Invariant 7.
    function test_settlesTheSameLate() external {
        burn(0.05e18);
        endEpoch(1);
        uint256 pool0 = settlement.nextPool().pool;
        settle(emptyReport());
        uint256 pool1 = settlement.nextPool().pool;
        settle(emptyReport());
        uint256 reserve = settlement.reserve();

        deployEconomy(0);
        rotate(GROUP_SECRET, 0);
        vm.warp(START + EPOCH_LENGTH_SEC);
        burn(0.05e18);
        endEpoch(500);
        vm.assertEq(settlement.nextPool().pool, pool0);
        settle(emptyReport());
        vm.assertEq(settlement.nextPool().pool, pool1);
        settle(emptyReport());
        vm.assertEq(settlement.reserve(), reserve);
    }

    /// @dev Invariants 3, 5, 8 and 11, over three epochs of arbitrary burns and payments.
    function testFuzz_conservesEveryWei(
        uint256[3] memory burns,
        uint256[3] memory shares,
        uint256[3] memory spent
    ) external {
        uint256 burned = 0;
        for (uint64 epoch = 0; epoch < 3; ++epoch) {
            // Burns of epoch 0 were none; each of these is of the epoch after the settled one.
            uint256 reserve = settlement.reserve();
            EpochPool memory pool = settlement.nextPool();
            uint256 debit = bound(spent[epoch], 0, 100e18);
            uint256 hired = bound(shares[epoch], 0, pool.pool * 7000 / 10_000);
            uint256 availability = bound(shares[epoch] >> 128, 0, pool.pool - hired);
            uint256 funded = distributor.funded();
            settle(paying(hired, availability, debit / 2, debit));

            uint256 passedOn = distributor.funded() - funded - hired - availability;
            vm.assertEq(
                pool.pool + debit,
                hired + availability + passedOn + settlement.reserve() + pool.released - reserve
            );
            vm.assertEq(io.balanceOf(address(settlement)), settlement.reserve());
            vm.assertEq(io.balanceOf(address(distributor)), distributor.funded());
            vm.assertEq(io.balanceOf(address(escrow)), escrow.held(IO_ASSET));
            vm.assertEq(iosd.balanceOf(address(escrow)), escrow.held(IOSD_ASSET));

            uint256 amount = bound(burns[epoch], 1, 1e18);
            burn(amount);
            burned += amount;
            (uint256 scheduled, uint256 net) = emission.totals();
            vm.assertEq(io.totalSupply(), GENESIS + scheduled + net - burned);
            endEpoch(epoch + 1);
        }
    }

    // --- gas ---

    function gasOf(EpochReport memory report) private returns (uint256 used) {
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, settlement.reportDigest(report));
        used = gasleft();
        settlement.settle(report, r, s);
        used -= gasleft();
    }

    /// @dev The contracts see roots and totals only; what is left is one branch of a multiplication or two.
    function test_costsTheSameWhateverTheNumbers() external {
        EpochReport memory report = paying(1e18, 1e18, 1e18, 1e18);
        (report.rewardRoot, report.debitRoot) = ("first", "first");
        settle(report);
        endEpoch(1);
        report = paying(1, 1, 1, 1);
        (report.rewardRoot, report.debitRoot) = ("second", "second");
        uint256 small = gasOf(report);
        endEpoch(2);
        report = paying(2e18, 1.9e18, 400e18, 400e18);
        (report.rewardRoot, report.debitRoot) = ("third", "third");
        uint256 large = gasOf(report);
        vm.assertLe(large > small ? large - small : small - large, 100);
        vm.assertLe(large, 250_000);
    }
}
