// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signature} from "./interfaces/IOracleRegistry.sol";
import {IWorkerRegistry} from "./interfaces/IWorkerRegistry.sol";
import {CompactSignature} from "./libraries/CompactSignature.sol";
import {OracleDomain} from "./libraries/OracleDomain.sol";

/// @notice Documented in IWorkerRegistry.
contract WorkerRegistry is IWorkerRegistry {
    using CompactSignature for bytes32;

    bytes32 private constant DEVICE_TYPEHASH = keccak256("Device(address worker,address device)");

    address public immutable oracleRegistry;

    mapping(address device => address) public workerOf;

    constructor(address oracleRegistry_) {
        oracleRegistry = oracleRegistry_;
    }

    function register(address device, Signature calldata signature) external {
        address signer = deviceDigest(msg.sender, device).recover(signature);
        require(signer != address(0) && signer == device, InvalidDeviceSignature(device));
        require(workerOf[device] == address(0), DeviceTaken(device, workerOf[device]));
        workerOf[device] = msg.sender;
        emit DeviceRegistered(msg.sender, device);
    }

    function deviceDigest(address worker, address device) public view returns (bytes32) {
        bytes32 structHash = keccak256(abi.encode(DEVICE_TYPEHASH, worker, device));
        return OracleDomain.digest(OracleDomain.separator(oracleRegistry), structHash);
    }
}
