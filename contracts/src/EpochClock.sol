// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochTiming, IEpochClock} from "./interfaces/IEpochClock.sol";

/// @notice Documented in IEpochClock.
abstract contract EpochClock is IEpochClock {
    uint256 public constant MAX_EPOCH_LENGTH_SEC = 3600;

    uint256 public immutable epochStart;
    uint256 public immutable epochLengthSec;

    constructor(EpochTiming memory timing) {
        require(timing.lengthSec != 0, ZeroEpochLength());
        require(timing.lengthSec <= MAX_EPOCH_LENGTH_SEC, EpochTooLong(timing.lengthSec, MAX_EPOCH_LENGTH_SEC));
        epochStart = timing.start;
        epochLengthSec = timing.lengthSec;
    }

    function epochOf(uint256 time) public view returns (uint256) {
        require(time >= epochStart, EpochsNotStarted(time, epochStart));
        return (time - epochStart) / epochLengthSec;
    }

    /// @dev The epoch of this block.
    function _currentEpoch() internal view returns (uint64) {
        return uint64(epochOf(block.timestamp));
    }

    /// @dev The first second after the epoch. 64 and 40 bits: no sum here can overflow.
    function _endOf(uint64 epoch) internal view returns (uint256) {
        return epochStart + (uint256(epoch) + 1) * epochLengthSec;
    }
}
