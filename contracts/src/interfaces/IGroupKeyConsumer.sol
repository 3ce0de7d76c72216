// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A contract that verifies certificates with the group key. The registry is the key's only writer.
interface IGroupKeyConsumer {
    /// @notice Replaces the group key, in the transaction that rotates it in the registry.
    /// @param keyEpoch The key's number, one above the one before.
    /// @param px The x coordinate of the key; its y is even.
    function setGroupKey(uint32 keyEpoch, uint256 px) external;
}
