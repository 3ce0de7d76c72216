// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochClock} from "./EpochClock.sol";
import {EpochTiming} from "./interfaces/IEpochClock.sol";
import {IModelRegistry, Model, ModelVersion} from "./interfaces/IModelRegistry.sol";

/// @notice Documented in IModelRegistry.
contract ModelRegistry is IModelRegistry, EpochClock {
    uint256 public constant MAX_ROYALTY_BPS = 5000;

    mapping(bytes32 id => Model) private _models;
    mapping(bytes32 id => mapping(uint32 version => ModelVersion)) private _versions;

    constructor(EpochTiming memory timing) EpochClock(timing) {}

    function register(bytes32 hash, bytes32 salt, uint16 royaltyBps) external returns (bytes32 id) {
        id = idOf(msg.sender, hash, salt);
        require(_models[id].owner == address(0), AlreadyRegistered(id));
        _models[id].owner = msg.sender;
        emit ModelRegistered(id, msg.sender, salt);
        _addVersion(id, hash, royaltyBps);
    }

    function newVersion(bytes32 id, bytes32 hash, uint16 royaltyBps) external returns (uint32) {
        _requireOwnerOfLiving(id);
        return _addVersion(id, hash, royaltyBps);
    }

    function retire(bytes32 id) external {
        _requireOwnerOfLiving(id);
        uint64 fromEpoch = _currentEpoch() + 1;
        _models[id].retiredFrom = fromEpoch;
        emit ModelRetired(id, fromEpoch);
    }

    function idOf(address owner, bytes32 hash, bytes32 salt) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), owner, hash, salt));
    }

    function modelOf(bytes32 id) external view returns (Model memory) {
        return _existing(id);
    }

    function versionOf(bytes32 id, uint32 version) external view returns (ModelVersion memory) {
        uint32 last = _existing(id).versions;
        require(version != 0 && version <= last, UnknownVersion(id, version, last));
        return _versions[id][version];
    }

    function isUsable(bytes32 id, uint32 version, uint64 epoch) external view returns (bool) {
        ModelVersion storage found = _versions[id][version];
        uint64 retiredFrom = _models[id].retiredFrom;
        return found.hash != 0 && epoch >= found.fromEpoch && (retiredFrom == 0 || epoch < retiredFrom);
    }

    function _addVersion(bytes32 id, bytes32 hash, uint16 royaltyBps) private returns (uint32 version) {
        require(hash != 0, ZeroHash());
        require(royaltyBps <= MAX_ROYALTY_BPS, RoyaltyTooHigh(royaltyBps, MAX_ROYALTY_BPS));
        uint64 fromEpoch = _currentEpoch() + 1;
        version = _models[id].versions + 1;
        _models[id].versions = version;
        _versions[id][version] = ModelVersion(hash, royaltyBps, fromEpoch);
        emit ModelVersionAdded(id, version, hash, royaltyBps, fromEpoch);
    }

    function _existing(bytes32 id) private view returns (Model memory model) {
        model = _models[id];
        require(model.owner != address(0), UnknownModel(id));
    }

    function _requireOwnerOfLiving(bytes32 id) private view {
        Model memory model = _existing(id);
        require(msg.sender == model.owner, NotOwner(msg.sender, model.owner));
        require(model.retiredFrom == 0, AlreadyRetired(id, model.retiredFrom));
    }
}
