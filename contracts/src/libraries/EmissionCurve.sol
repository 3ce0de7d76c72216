// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title How much an epoch may pay out
/// @notice Functions of their arguments alone, so that they can be compared with any other implementation case by case.
/// Amounts are in wei and fit 96 bits; times are in seconds since the first epoch began.
library EmissionCurve {
    uint256 private constant YEAR_SEC = 365 days;
    /// @dev From this period on less than one wei is left of any schedule that fits its 96 bits.
    uint256 private constant LAST_PERIOD = 97;

    /// @notice C(t), without its maximum: `launchEmission` in the first period, in each later one half of the one before.
    /// @dev Over its common denominator, so that it is rounded once:
    /// A·((2^(k+1) − 2)·H + (t − kH)) / (2^k·H). At most 96 + 98 + 40 bits.
    /// @param halvingPeriodSec H, not zero, at most 40 bits.
    function curveAt(uint256 launchEmission, uint256 halvingPeriodSec, uint256 elapsedSec)
        internal
        pure
        returns (uint256)
    {
        uint256 period = elapsedSec / halvingPeriodSec;
        // Rounded down from less than one wei below twice the launch emission.
        if (period >= LAST_PERIOD) return launchEmission == 0 ? 0 : 2 * launchEmission - 1;
        uint256 halvings = 1 << period;
        uint256 periods = 2 * (halvings - 1) * halvingPeriodSec + elapsedSec % halvingPeriodSec;
        return launchEmission * periods / (halvings * halvingPeriodSec);
    }

    /// @notice S(t): what the schedule has minted until then.
    /// @param maxScheduled Maximum supply − genesis: the curve ends there.
    function scheduledBy(
        uint256 launchEmission,
        uint256 halvingPeriodSec,
        uint256 maxScheduled,
        uint256 elapsedSec
    ) internal pure returns (uint256) {
        return Math.min(curveAt(launchEmission, halvingPeriodSec, elapsedSec), maxScheduled);
    }

    /// @notice The most that may be minted again of burns between two times: ⌊y·to/Y⌋ − ⌊y·from/Y⌋.
    /// @param yearlyNetCap y: of 365 days.
    function netCap(uint256 yearlyNetCap, uint256 fromSec, uint256 toSec) internal pure returns (uint256) {
        return yearlyNetCap * toSec / YEAR_SEC - yearlyNetCap * fromSec / YEAR_SEC;
    }

    /// @notice Never more than was burned (invariant 2).
    function net(uint256 burned, uint256 cap) internal pure returns (uint256) {
        return Math.min(burned, cap);
    }

    /// @notice What one epoch takes from the reserve: so much that an even flow would last a year.
    function released(uint256 reserve, uint256 epochLengthSec) internal pure returns (uint256) {
        return reserve / (YEAR_SEC / epochLengthSec);
    }
}
