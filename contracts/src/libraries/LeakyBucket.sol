// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @notice How much may go through in an hour: what went in leaks out linearly, a full bucket in PERIOD_SEC.
/// @dev A full bucket at once and what leaks out meanwhile: never more than two of them in any hour.
library LeakyBucket {
    uint256 internal constant PERIOD_SEC = 1 hours;

    uint256 private constant BPS = 10_000;

    /// @notice What is still in it `elapsedSec` after it held `level`. The leak is rounded down, so that waiting in
    /// small steps never gives more than waiting at once.
    function levelAfter(uint256 level, uint256 capacity, uint256 elapsedSec) internal pure returns (uint256) {
        return Math.saturatingSub(level, Math.mulDiv(capacity, elapsedSec, PERIOD_SEC));
    }

    /// @notice `bps` of `whole`, rounded down.
    function capacityOf(uint256 whole, uint256 bps) internal pure returns (uint256) {
        return whole * bps / BPS;
    }

    /// @notice What still fits: nothing when the capacity has shrunk below the level.
    function roomIn(uint256 level, uint256 capacity) internal pure returns (uint256) {
        return Math.saturatingSub(capacity, level);
    }
}
