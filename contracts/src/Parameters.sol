// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {EpochClock} from "./EpochClock.sol";
import {EpochTiming} from "./interfaces/IEpochClock.sol";
import {EpochParams, IParameters} from "./interfaces/IParameters.sol";

/// @notice Documented in IParameters.
contract Parameters is IParameters, EpochClock {
    using Checkpoints for Checkpoints.Trace208;

    uint256 public constant ORACLE_ERROR_BPS = 250;
    /// @dev BPS − ⌊BPS³ / (BPS + ORACLE_ERROR_BPS)²⌋; a test has the inequality.
    uint256 public constant MIN_HIRE_TAX_BPS = 482;

    // Hires leave something for availability; a payment leaves most of itself to the worker; with less than a
    // hundredth of the escrow a busy epoch could not be settled.
    uint256 private constant MAX_HIRED_BPS = 9000;
    uint256 private constant MAX_HIRE_TAX_BPS = 2000;
    uint256 private constant MAX_FEE_BPS = 1000;
    uint256 private constant MAX_GATEWAY_BPS = 2000;
    uint256 private constant MIN_DEBIT_BPS = 100;
    uint256 private constant MAX_DEBIT_BPS = 10_000;

    address public immutable timelock;

    uint32 public latestVersion;
    mapping(uint32 version => EpochParams) private _params;
    /// @dev From an epoch to the version that holds from it on.
    Checkpoints.Trace208 private _versions;

    constructor(address timelock_, EpochTiming memory timing, EpochParams memory first) EpochClock(timing) {
        timelock = timelock_;
        _set(0, first);
    }

    function set(EpochParams calldata params) external returns (uint32) {
        require(msg.sender == timelock, Unauthorized(msg.sender, timelock));
        return _set(_currentEpoch() + 1, params);
    }

    function versionAt(uint64 epoch) public view returns (uint32) {
        // Keys have 48 bits; an epoch beyond them is later than any version.
        return uint32(_versions.upperLookupRecent(epoch > type(uint48).max ? type(uint48).max : uint48(epoch)));
    }

    function paramsAt(uint64 epoch) external view returns (uint32 version, EpochParams memory params) {
        version = versionAt(epoch);
        params = _params[version];
    }

    function paramsOf(uint32 version) external view returns (EpochParams memory) {
        require(version != 0 && version <= latestVersion, UnknownVersion(version, latestVersion));
        return _params[version];
    }

    function _set(uint64 fromEpoch, EpochParams memory params) private returns (uint32 version) {
        _requireAtMost("hiredBps", params.hiredBps, MAX_HIRED_BPS);
        _requireAtLeast("hireTaxBps", params.hireTaxBps, MIN_HIRE_TAX_BPS);
        _requireAtMost("hireTaxBps", params.hireTaxBps, MAX_HIRE_TAX_BPS);
        _requireAtMost("feeBps", params.feeBps, MAX_FEE_BPS);
        _requireAtMost("gatewayBps", params.gatewayBps, MAX_GATEWAY_BPS);
        _requireAtLeast("maxDebitBps", params.maxDebitBps, MIN_DEBIT_BPS);
        _requireAtMost("maxDebitBps", params.maxDebitBps, MAX_DEBIT_BPS);
        _requireAtLeast("targetWeight", params.targetWeight, 1);

        version = latestVersion + 1;
        latestVersion = version;
        _params[version] = params;
        // Block time has 40 bits, so an epoch has fewer than 48. The same epoch again replaces.
        _versions.push(uint48(fromEpoch), version);
        emit ParametersSet(version, fromEpoch, params);
    }

    function _requireAtMost(string memory name, uint256 given, uint256 maximum) private pure {
        require(given <= maximum, AboveMaximum(name, given, maximum));
    }

    function _requireAtLeast(string memory name, uint256 given, uint256 minimum) private pure {
        require(given >= minimum, BelowMinimum(name, given, minimum));
    }
}
