// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Immutable in every contract that counts epochs: they can be neither shifted nor stretched.
/// @param start t0, Unix seconds.
/// @param lengthSec L, at most one hour.
struct EpochTiming {
    uint40 start;
    uint40 lengthSec;
}

/// @title The network's epochs: ⌊(time − t0) / L⌋
/// @notice The same numbers as in Burner, whose counters per epoch they belong to.
interface IEpochClock {
    error ZeroEpochLength();
    error EpochTooLong(uint256 given, uint256 maximum);
    error EpochsNotStarted(uint256 time, uint256 epochStart);

    function MAX_EPOCH_LENGTH_SEC() external view returns (uint256);

    function epochStart() external view returns (uint256);

    function epochLengthSec() external view returns (uint256);

    /// @notice ⌊(time − epochStart) / epochLengthSec⌋.
    function epochOf(uint256 time) external view returns (uint256);
}
