// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The votes of who holds IO
/// @notice OpenZeppelin's Governor over IO's votes by time. What passes goes through the one timelock there is. Delay,
/// period, threshold and quorum are constants: a vote cannot make the next one easier.
///
/// Inert at first: as long as little IO exists, a few days of emission would be a majority.
interface IIOGovernor {
    /// @notice Both are needed: `time` at `activeFrom` or later, and a `supply` of at least `requiredSupply`, in wei.
    error Inert(uint256 time, uint256 activeFrom, uint256 supply, uint256 requiredSupply);
    /// @notice The governor never leaves its timelock.
    error TimelockFixed();

    /// @notice From the deployment until something can be proposed.
    function INERT_SEC() external view returns (uint256);

    /// @notice Of IO, in wei: below it nothing can be proposed.
    function MIN_SUPPLY() external view returns (uint256);

    /// @notice The least quorum, in wei of IO.
    function MIN_QUORUM() external view returns (uint256);

    /// @notice The quorum's part of the supply.
    function QUORUM_BPS() external view returns (uint256);

    /// @notice First second in which something can be proposed, where there is enough IO.
    function activeFrom() external view returns (uint256);

    /// @notice The quorum at a supply: max(⌈supply · QUORUM_BPS / 10,000⌉, MIN_QUORUM), in wei of IO.
    function quorumOf(uint256 supply) external pure returns (uint256);
}
