// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The keys that a consumer verifies with: the newest one, and the one before it for as long as what it signed
/// may still be on its way.
/// @param keyEpoch Number of the newest key; 0 before the first one.
/// @param newest x coordinate of the newest key, whose y is even; 0 where there is none, which signs nothing.
/// @param previous x coordinate of the key before it; 0 likewise.
/// @param previousUntil Block time from which on the previous key counts no more, Unix seconds.
struct GroupKeys {
    uint32 keyEpoch;
    uint256 newest;
    uint256 previous;
    uint40 previousUntil;
}

/// @notice A contract that verifies certificates with the group key. The registry is the key's only writer.
interface IGroupKeyConsumer {
    /// @param previousUntil Block time from which on the key before this one counts no more, Unix seconds.
    event GroupKeySet(uint32 indexed keyEpoch, uint256 px, uint40 previousUntil);

    function groupKeys() external view returns (GroupKeys memory);

    /// @notice Replaces the group key, in the transaction that rotates it in the registry, or takes it away. The key until
    /// now becomes the previous one.
    /// @param keyEpoch The key's number, one above the one before.
    /// @param px The x coordinate of the key; its y is even. Zero: there is none until the next call.
    /// @param previousUntil Block time from which on the previous key counts no more, Unix seconds.
    function setGroupKey(uint32 keyEpoch, uint256 px, uint40 previousUntil) external;
}
