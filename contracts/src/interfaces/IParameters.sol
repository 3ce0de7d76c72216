// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEpochClock} from "./IEpochClock.sol";

/// @notice What may change from one epoch to the next. Basis points of 10,000.
/// @param hiredBps The most of an epoch's pool that is paid for IOSD hires.
/// @param hireTaxBps τ: how much less than its price the IOSD spent on a hire pays out in IO.
/// @param feeBps φ: the fee on payments in IO, paid in IOSD and burned.
/// @param gatewayBps The gateway's share of a payment in IO.
/// @param maxDebitBps The most of the escrow that one epoch may take.
/// @param targetWeight Proven weight at which a full launch pool is paid for availability.
struct EpochParams {
    uint16 hiredBps;
    uint16 hireTaxBps;
    uint16 feeBps;
    uint16 gatewayBps;
    uint16 maxDebitBps;
    uint64 targetWeight;
}

/// @title The parameters of settlement, versioned by epoch
/// @notice A change is effective from the next epoch on, so an epoch has one version from its first second to its last
/// whenever it is settled. Bounds are in the code; nobody can leave them.
interface IParameters is IEpochClock {
    error Unauthorized(address caller, address required);
    error AboveMaximum(string name, uint256 given, uint256 maximum);
    error BelowMinimum(string name, uint256 given, uint256 minimum);
    error UnknownVersion(uint32 given, uint32 last);

    event ParametersSet(uint32 indexed version, uint64 indexed fromEpoch, EpochParams params);

    /// @notice The error bound of the oracle: what a certified price may be away from the market, in basis points.
    function ORACLE_ERROR_BPS() external view returns (uint256);

    /// @notice The smallest τ with (BPS − τ)·(BPS + ORACLE_ERROR_BPS)² ≤ BPS³: with less, IOSD bought at the low end
    /// of the oracle's error and paid out at the high end is a profit.
    function MIN_HIRE_TAX_BPS() external view returns (uint256);

    /// @notice The only account that can change anything; zero means nobody.
    function timelock() external view returns (address);

    /// @notice The newest version, which may not be effective yet. The first is 1 and holds from epoch 0.
    function latestVersion() external view returns (uint32);

    /// @notice The version that holds in `epoch`, as of now: it is final once the epoch has begun.
    function versionAt(uint64 epoch) external view returns (uint32);

    /// @notice `versionAt` with its values.
    function paramsAt(uint64 epoch) external view returns (uint32 version, EpochParams memory params);

    /// @notice The values of a version.
    function paramsOf(uint32 version) external view returns (EpochParams memory params);

    /// @notice Sets what holds from the next epoch on. Of several in one epoch the last one holds. Only the timelock.
    function set(EpochParams calldata params) external returns (uint32 version);
}
