// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Where what the holders of IO have decided waits until it happens
/// @notice OpenZeppelin's TimelockController: only the governor proposes and cancels, anybody executes once the delay is
/// over, and roles stay what they were at deployment, whatever is voted for. Long enough for whoever disagrees to leave.
interface ITimelock {
    error DelayTooShort(uint256 given, uint256 minimum);
    error RolesAreFixed();

    /// @notice The delay is never below it, whatever is voted for; on a development chain it can be.
    function MIN_DELAY() external view returns (uint256);
}
