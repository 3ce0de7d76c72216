// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The packed word of a report, as it is signed, and as it is stored with the moving average filled in.
///
///      255        176 175        96 95          80 79          40 39       0
///     ┌──────────────┬─────────────┬──────────────┬──────────────┬──────────┐
///     │   price 80   │   ema 80    │ confidence 16│ observedAt 40│ round 40 │
///     └──────────────┴─────────────┴──────────────┴──────────────┴──────────┘
///
/// price, ema: USD, 18 decimals. confidence: basis points. observedAt: Unix seconds. round: Unix deciseconds.
/// In a signed word the 80 bits of ema are zero.
library ReportWord {
    function price(uint256 word) internal pure returns (uint256) {
        return word >> 176;
    }

    function ema(uint256 word) internal pure returns (uint256) {
        return (word >> 96) & type(uint80).max;
    }

    function confidence(uint256 word) internal pure returns (uint256) {
        return (word >> 80) & type(uint16).max;
    }

    function observedAt(uint256 word) internal pure returns (uint256) {
        return (word >> 40) & type(uint40).max;
    }

    function round(uint256 word) internal pure returns (uint256) {
        return word & type(uint40).max;
    }

    /// @notice Fills an empty ema field. `average` must fit 80 bits.
    function withEma(uint256 word, uint256 average) internal pure returns (uint256) {
        return word | (average << 96);
    }
}
