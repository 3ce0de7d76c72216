// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EmissionCurve} from "../../src/libraries/EmissionCurve.sol";
import {Exchange} from "../../src/libraries/Exchange.sol";

/// @notice What the arithmetic of an epoch and of a burn is asked.
struct EmissionCase {
    uint256 epochLengthSec;
    uint256 launchEmission;
    uint256 halvingPeriodSec;
    uint256 yearlyNetCap;
    uint256 genesis;
    uint256 elapsedSec;
    uint256 burned;
    uint256 reserve;
    uint256 price;
    uint256 ioIn;
    uint256 iosdOut;
}

/// @notice What it answers.
struct EmissionAnswer {
    uint256 curve;
    uint256 scheduledUntil;
    uint256 epoch;
    uint256 scheduled;
    uint256 cap;
    uint256 net;
    uint256 released;
    uint256 pool;
    uint256 iosdOut;
    uint256 ioIn;
}

/// @notice Cases that follow from their number, the same as in test/support/epoch/emission-cases.ts: every input is
/// drawn from keccak256(seed, case, input), and its four highest bits choose whether it is an edge.
library EmissionCases {
    uint256 internal constant MAX_SUPPLY = 22_300_000e18;

    uint256 private constant ONE = 1e18;
    uint256 private constant YEAR_SEC = 365 days;
    uint256 private constant HALVING_SEC = 730 days;
    /// @dev Where mainnet's curve meets the maximum: (22.3 − 21)/1.5 of the fourth period.
    uint256 private constant MAXIMUM_SEC = 3 * HALVING_SEC + HALVING_SEC * 13 / 15;
    uint256 private constant SEED = uint256(keccak256("emission and exchange"));

    function at(uint256 number) internal pure returns (EmissionCase memory c) {
        c.epochLengthSec = _epochLength(_word(number, 0));
        c.launchEmission = _amount96(_word(number, 1), 12_000_000e18);
        c.halvingPeriodSec = _halvingPeriod(_word(number, 2));
        c.yearlyNetCap = _amount96(_word(number, 3), 60_000e18);
        c.genesis = _genesis(_word(number, 4));
        c.elapsedSec = _elapsed(_word(number, 5), c.epochLengthSec, c.halvingPeriodSec);
        c.burned = _burned(_word(number, 6), _capOf(c));
        c.reserve = _reserve(_word(number, 7), YEAR_SEC / c.epochLengthSec);
        c.price = _price(_word(number, 8));
        c.ioIn = _io(_word(number, 9), c.price);
        c.iosdOut = _iosd(_word(number, 10), c.price);
    }

    function answer(EmissionCase memory c) internal pure returns (EmissionAnswer memory a) {
        uint256 maximum = MAX_SUPPLY - c.genesis;
        a.curve = EmissionCurve.curveAt(c.launchEmission, c.halvingPeriodSec, c.elapsedSec);
        a.scheduledUntil =
            EmissionCurve.scheduledBy(c.launchEmission, c.halvingPeriodSec, maximum, c.elapsedSec);
        a.epoch = c.elapsedSec / c.epochLengthSec;
        uint256 from = a.epoch * c.epochLengthSec;
        uint256 to = from + c.epochLengthSec;
        a.scheduled = EmissionCurve.scheduledBy(c.launchEmission, c.halvingPeriodSec, maximum, to)
            - EmissionCurve.scheduledBy(c.launchEmission, c.halvingPeriodSec, maximum, from);
        a.cap = EmissionCurve.netCap(c.yearlyNetCap, from, to);
        a.net = EmissionCurve.net(c.burned, a.cap);
        a.released = EmissionCurve.released(c.reserve, c.epochLengthSec);
        a.pool = a.scheduled + a.net + a.released;
        a.iosdOut = Exchange.iosdForIo(c.ioIn, c.price);
        a.ioIn = Exchange.ioForIosd(c.iosdOut, c.price);
    }

    /// @notice Adds a case and its answer to what came before.
    function fold(bytes32 before, EmissionCase memory c, EmissionAnswer memory a)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(before, c, a));
    }

    function _word(uint256 number, uint256 input) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(SEED, number, input)));
    }

    /// @dev Below 2^bits, of any width.
    function _sized(uint256 word, uint256 bits) private pure returns (uint256) {
        return word & ((1 << ((word >> 240) % (bits + 1))) - 1);
    }

    /// @dev One below, at, or one above.
    function _around(uint256 value, uint256 word) private pure returns (uint256) {
        value += word % 3;
        return value == 0 ? 0 : value - 1;
    }

    function _epochLength(uint256 word) private pure returns (uint256) {
        uint256 pick = word >> 252;
        if (pick < 4) return 60;
        if (pick < 8) return 3600;
        if (pick < 9) return 1;
        return 1 + word % 3600;
    }

    function _amount96(uint256 word, uint256 mainnet) private pure returns (uint256) {
        uint256 pick = word >> 252;
        if (pick < 6) return mainnet;
        if (pick == 6) return 0;
        if (pick == 7) return 1;
        if (pick == 8) return type(uint96).max;
        return _sized(word, 96);
    }

    function _halvingPeriod(uint256 word) private pure returns (uint256) {
        uint256 pick = word >> 252;
        if (pick < 6) return HALVING_SEC;
        if (pick == 6) return 1;
        if (pick == 7) return type(uint40).max;
        return _atLeastOne(_sized(word, 40));
    }

    function _genesis(uint256 word) private pure returns (uint256) {
        uint256 pick = word >> 252;
        if (pick < 5) return 0;
        if (pick == 5) return MAX_SUPPLY;
        if (pick == 6) return MAX_SUPPLY - 1;
        if (pick == 7) return 1;
        return _sized(word, 85) % (MAX_SUPPLY + 1);
    }

    function _elapsed(uint256 word, uint256 lengthSec, uint256 halvingSec) private pure returns (uint256) {
        uint256 pick = word >> 252;
        if (pick < 4) return _around((word >> 8) % 100 * halvingSec, word);
        if (pick < 6) return _around(MAXIMUM_SEC, word);
        if (pick == 6) return _around((word >> 8) % 10 * YEAR_SEC, word);
        if (pick == 7) return 0;
        if (pick == 8) return lengthSec * ((1 << 53) - 1);
        if (pick < 12) return word % (10 * YEAR_SEC);
        if (pick < 14) return word % (50 * YEAR_SEC);
        return _sized(word, 53);
    }

    function _capOf(EmissionCase memory c) private pure returns (uint256) {
        uint256 from = c.elapsedSec - c.elapsedSec % c.epochLengthSec;
        return EmissionCurve.netCap(c.yearlyNetCap, from, from + c.epochLengthSec);
    }

    function _burned(uint256 word, uint256 cap) private pure returns (uint256) {
        uint256 pick = word >> 252;
        if (pick < 4) return _around(cap, word);
        return _amount128(word);
    }

    function _reserve(uint256 word, uint256 epochsInYear) private pure returns (uint256) {
        uint256 pick = word >> 252;
        if (pick < 4) return _around((word >> 8) % 1000 * epochsInYear, word);
        return _amount128(word);
    }

    function _price(uint256 word) private pure returns (uint256) {
        uint256 pick = word >> 252;
        if (pick < 3) return _around(ONE, word);
        if (pick == 3) return 1;
        if (pick == 4) return type(uint80).max;
        return _atLeastOne(_sized(word, 80));
    }

    /// @dev Around the least that gives a number of wei.
    function _io(uint256 word, uint256 price) private pure returns (uint256) {
        uint256 pick = word >> 252;
        if (pick < 4) return _around(Exchange.ioForIosd((word >> 8) % 1000, price), word);
        return _amount128(word);
    }

    /// @dev Around what a number of wei gives.
    function _iosd(uint256 word, uint256 price) private pure returns (uint256) {
        uint256 pick = word >> 252;
        if (pick < 4) return _around(Exchange.iosdForIo((word >> 8) % 1000, price), word);
        return _amount128(word);
    }

    function _amount128(uint256 word) private pure returns (uint256) {
        uint256 pick = word >> 252;
        if (pick == 4) return 0;
        if (pick == 5) return 1;
        if (pick == 6) return type(uint128).max;
        if (pick == 7) return MAX_SUPPLY;
        return _sized(word, 128);
    }

    function _atLeastOne(uint256 value) private pure returns (uint256) {
        return value == 0 ? 1 : value;
    }
}
