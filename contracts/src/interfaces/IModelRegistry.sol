// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEpochClock} from "./IEpochClock.sol";

/// @notice A model that its owner earns from.
/// @param owner Earns the royalty.
/// @param versions How many there are; the newest has this number, the first has 1.
/// @param retiredFrom The first epoch in which nothing of it may be used; 0 while it is not retired.
struct Model {
    address owner;
    uint32 versions;
    uint64 retiredFrom;
}

/// @notice Never changes, so that one channel of receipts has one royalty.
/// @param hash Of the model's files, as its owner publishes them.
/// @param royaltyBps The owner's share of every payment in IO, in basis points.
/// @param fromEpoch The first epoch in which it may be used.
struct ModelVersion {
    bytes32 hash;
    uint16 royaltyBps;
    uint64 fromEpoch;
}

/// @title Models, their owners and royalties
/// @notice An id is keccak256(chain id, this contract, owner, hash, salt): it contains its owner, so registering
/// somebody's model before them takes nothing from them. Every change holds from the next epoch on.
interface IModelRegistry is IEpochClock {
    error ZeroHash();
    error RoyaltyTooHigh(uint256 given, uint256 maximum);
    error AlreadyRegistered(bytes32 id);
    error UnknownModel(bytes32 id);
    error UnknownVersion(bytes32 id, uint32 given, uint32 last);
    error NotOwner(address caller, address owner);
    error AlreadyRetired(bytes32 id, uint64 fromEpoch);

    event ModelRegistered(bytes32 indexed id, address indexed owner, bytes32 salt);
    event ModelVersionAdded(
        bytes32 indexed id, uint32 indexed version, bytes32 hash, uint16 royaltyBps, uint64 fromEpoch
    );
    event ModelRetired(bytes32 indexed id, uint64 fromEpoch);

    function MAX_ROYALTY_BPS() external view returns (uint256);

    /// @notice The id of a model with these properties, registered or not.
    function idOf(address owner, bytes32 hash, bytes32 salt) external view returns (bytes32);

    /// @notice Registers the caller's model with its first version.
    /// @param hash Of the first version's files; not zero.
    /// @param salt Anything; tells apart two models of one owner with the same first files.
    function register(bytes32 hash, bytes32 salt, uint16 royaltyBps) external returns (bytes32 id);

    /// @notice Adds a version; those before it can still be used.
    function newVersion(bytes32 id, bytes32 hash, uint16 royaltyBps) external returns (uint32 version);

    /// @notice Ends the use of all versions, for good.
    function retire(bytes32 id) external;

    function modelOf(bytes32 id) external view returns (Model memory);

    function versionOf(bytes32 id, uint32 version) external view returns (ModelVersion memory);

    /// @notice Whether a version may be used in `epoch`. False for what does not exist.
    function isUsable(bytes32 id, uint32 version, uint64 epoch) external view returns (bool);
}
