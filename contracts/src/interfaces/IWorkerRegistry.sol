// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signature} from "./IOracleRegistry.sol";

/// @title Workers, and the devices they prove
/// @notice A worker is the account that signs batches and earns. A device is a key that lives on one machine; it
/// belongs to one worker for good, so that one device cannot answer for two.
interface IWorkerRegistry {
    /// @notice The device did not sign that it belongs to this worker.
    error InvalidDeviceSignature(address device);
    error DeviceTaken(address device, address worker);

    event DeviceRegistered(address indexed worker, address indexed device);

    /// @notice Of whose EIP-712 domain a device's signature is.
    function oracleRegistry() external view returns (address);

    /// @notice The worker of a device; zero when it is not registered.
    function workerOf(address device) external view returns (address);

    /// @notice What a device signs: EIP-712 Device(address worker,address device).
    function deviceDigest(address worker, address device) external view returns (bytes32);

    /// @notice Registers a device of the caller.
    /// @param signature By the device, over `deviceDigest`: nobody can take the key of another's machine.
    function register(address device, Signature calldata signature) external;
}
