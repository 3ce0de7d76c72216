// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EmissionParams, EpochEmission, IEmission} from "../src/interfaces/IEmission.sol";
import {EpochTiming, IEpochClock} from "../src/interfaces/IEpochClock.sol";
import {Economy} from "./support/Economy.sol";

contract EmissionTest is Economy {
    uint256 private constant MAX_SUPPLY = 22_300_000e18;

    function setUp() external {
        deployEconomy(0);
        rotate(GROUP_SECRET, 0);
    }

    function mint(uint64 epoch) private returns (uint256 scheduled, uint256 net) {
        vm.prank(address(settlement));
        return emission.mintEpoch(epoch);
    }

    /// @dev Without a genesis, on mainnet's curve.
    function mainnet() private returns (IEmission) {
        deployEconomy(0, 0);
        return deployEmission(address(this), EpochTiming(uint40(START), 3600), emissionParams());
    }

    // --- the curve ---

    function test_emitsSixMillionAYearAndHalvesEveryTwoYearsUntilTheMaximum() external {
        IEmission curve = mainnet();
        uint256[9] memory perYear = [uint256(6e24), 6e24, 3e24, 3e24, 1.5e24, 1.5e24, 0.75e24, 0.55e24, 0];
        for (uint256 year = 0; year < perYear.length; ++year) {
            uint256 emitted =
                curve.scheduledUntil((year + 1) * 365 days) - curve.scheduledUntil(year * 365 days);
            vm.assertEq(emitted, perYear[year]);
        }
        vm.assertEq(curve.scheduledUntil(50 * 365 days), MAX_SUPPLY);
        vm.assertEq(curve.scheduledUntil(type(uint64).max), MAX_SUPPLY);
    }

    function test_leavesRoomForTheGenesis() external view {
        vm.assertEq(emission.genesis(), GENESIS);
        vm.assertEq(emission.maxScheduled(), MAX_SUPPLY - GENESIS);
        vm.assertEq(emission.scheduledUntil(50 * 365 days), MAX_SUPPLY - GENESIS);
    }

    function testFuzz_theCurveNeverFalls(uint256 first, uint256 second) external view {
        first = bound(first, 0, 60 * 365 days);
        second = bound(second, first, 60 * 365 days);
        vm.assertLe(emission.scheduledUntil(first), emission.scheduledUntil(second));
    }

    function testFuzz_isRoundedOnce(uint256 time) external view {
        time = bound(time, 0, 8 * 365 days);
        uint256 k = time / HALVING_SEC;
        // C·2^k·H ≤ exact numerator < (C + 1)·2^k·H
        uint256 exact = LAUNCH_EMISSION * (2 * (2 ** k - 1) * HALVING_SEC + time % HALVING_SEC);
        uint256 scheduled = emission.scheduledUntil(time);
        if (scheduled == emission.maxScheduled()) return;
        vm.assertLe(scheduled * 2 ** k * HALVING_SEC, exact);
        vm.assertTrue(exact < (scheduled + 1) * 2 ** k * HALVING_SEC);
    }

    function test_aCurveBelowTheMaximumEndsAWeiBelowTwiceItsLaunch() external {
        EmissionParams memory params = EmissionParams(1e18, 100, 0);
        IEmission short = deployEmission(address(this), timing(), params);
        vm.assertEq(short.scheduledUntil(100), 1e18);
        vm.assertEq(short.scheduledUntil(9699), 2e18 - 1);
        vm.assertEq(short.scheduledUntil(type(uint64).max), 2e18 - 1);
        IEmission nothing = deployEmission(address(this), timing(), EmissionParams(0, 100, 0));
        vm.assertEq(nothing.scheduledUntil(type(uint64).max), 0);
    }

    function testFuzz_noCurveOverflows(uint96 launch, uint40 halving, uint64 time) external {
        vm.assume(halving != 0);
        IEmission any = deployEmission(address(this), timing(), EmissionParams(launch, halving, 0));
        vm.assertLe(any.scheduledUntil(time), any.maxScheduled());
        vm.assertTrue(launch == 0 || any.scheduledUntil(time) < 2 * uint256(launch));
    }

    // --- net emission ---

    function test_mintsAgainWhatWasBurnedUpToTheCap() external {
        EpochEmission memory first = emission.emissionOf(0);
        vm.assertEq(first.cap, YEARLY_NET_CAP * EPOCH_LENGTH_SEC / 365 days);
        burn(0.05e18);
        vm.assertEq(emission.emissionOf(0).net, 0.05e18);
        burn(1e18);
        vm.assertEq(emission.emissionOf(0).net, first.cap);
        vm.assertEq(emission.emissionOf(0).burned, 1.05e18);
    }

    function testFuzz_capsOfAYearAddUpToTheYearlyCap(uint64 epoch) external view {
        uint64 inYear = uint64(365 days / EPOCH_LENGTH_SEC);
        epoch = uint64(bound(epoch, 0, inYear - 1));
        uint256 sum = emission.emissionOf(epoch).cap;
        // ⌊y·e·L/Y⌋ telescopes: what is before and after this epoch is the rest of the year's cap.
        uint256 before = YEARLY_NET_CAP * epoch * EPOCH_LENGTH_SEC / 365 days;
        uint256 until = YEARLY_NET_CAP * (epoch + 1) * EPOCH_LENGTH_SEC / 365 days;
        vm.assertEq(sum, until - before);
        vm.assertEq(YEARLY_NET_CAP * inYear * EPOCH_LENGTH_SEC / 365 days, YEARLY_NET_CAP);
    }

    function testFuzz_neverMintsMoreThanWasBurned(uint256 amount) external {
        amount = bound(amount, 1, burner.burnable());
        burn(amount);
        endEpoch(0);
        uint256 supply = io.totalSupply();
        (uint256 scheduled, uint256 net) = mint(0);
        vm.assertLe(net, amount);
        vm.assertLe(net, emission.emissionOf(0).cap);
        vm.assertEq(io.totalSupply(), supply + scheduled + net);
        vm.assertEq(io.balanceOf(address(settlement)), scheduled + net);
    }

    // --- minting ---

    function test_saysWhatItMints() external {
        burn(0.05e18);
        endEpoch(0);
        EpochEmission memory expected = emission.emissionOf(0);
        vm.expectEmit(true, true, true, true, address(emission));
        emit IEmission.EpochMinted(0, expected.scheduled, expected.scheduled);
        vm.expectEmit(true, true, true, true, address(emission));
        emit IEmission.NetEmissionMinted(0, 0.05e18, expected.cap, 0.05e18, 0.05e18);
        mint(0);
        (uint256 scheduled, uint256 net) = emission.totals();
        vm.assertEq(scheduled, expected.scheduled);
        vm.assertEq(net, 0.05e18);
        vm.assertEq(emission.nextEpoch(), 1);
    }

    function test_mintsTheSameLate() external {
        burn(0.05e18);
        endEpoch(0);
        EpochEmission memory onTime = emission.emissionOf(0);
        endEpoch(20);
        burn(7e18);
        (uint256 scheduled, uint256 net) = mint(0);
        vm.assertEq(scheduled, onTime.scheduled);
        vm.assertEq(net, onTime.net);
    }

    function test_mintsForSettlementOnly() external {
        endEpoch(0);
        vm.expectRevert(
            abi.encodeWithSelector(IEmission.Unauthorized.selector, address(this), address(settlement))
        );
        emission.mintEpoch(0);
    }

    function test_mintsEachEpochOnceAndInOrder() external {
        endEpoch(2);
        vm.expectRevert(abi.encodeWithSelector(IEmission.EpochOutOfOrder.selector, 1, 0));
        mint(1);
        mint(0);
        vm.expectRevert(abi.encodeWithSelector(IEmission.EpochOutOfOrder.selector, 0, 1));
        mint(0);
        mint(1);
    }

    function test_mintsNothingBeforeTheEnd() external {
        uint256 end = START + EPOCH_LENGTH_SEC;
        vm.warp(end - 1);
        vm.expectRevert(abi.encodeWithSelector(IEmission.EpochNotEnded.selector, end - 1, end));
        mint(0);
        vm.warp(end);
        mint(0);
    }

    // --- construction ---

    function test_saysWhatItsCurveIsMadeFrom() external view {
        vm.assertEq(abi.encode(emission.params()), abi.encode(emissionParams()));
    }

    function test_refusesACurveThatDoesNotHalve() external {
        vm.expectRevert(abi.encodeWithSelector(IEmission.ZeroHalvingPeriod.selector));
        vm.deployCode(
            "Emission.sol:Emission",
            abi.encode(address(io), address(burner), address(this), timing(), EmissionParams(1, 0, 1))
        );
    }

    function test_refusesEpochsWithoutLengthOrAboveAnHour() external {
        vm.expectRevert(abi.encodeWithSelector(IEpochClock.ZeroEpochLength.selector));
        vm.deployCode(
            "Emission.sol:Emission",
            abi.encode(
                address(io), address(burner), address(this), EpochTiming(uint40(START), 0), emissionParams()
            )
        );
        vm.expectRevert(abi.encodeWithSelector(IEpochClock.EpochTooLong.selector, 3601, 3600));
        vm.deployCode(
            "Emission.sol:Emission",
            abi.encode(
                address(io),
                address(burner),
                address(this),
                EpochTiming(uint40(START), 3601),
                emissionParams()
            )
        );
    }

    function test_countsEpochsLikeTheBurner() external {
        vm.assertEq(emission.epochOf(START + 119), burner.epochOf(START + 119));
        vm.expectRevert(abi.encodeWithSelector(IEpochClock.EpochsNotStarted.selector, START - 1, START));
        emission.epochOf(START - 1);
    }
}
