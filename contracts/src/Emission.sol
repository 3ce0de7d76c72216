// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochClock} from "./EpochClock.sol";
import {IBurner} from "./interfaces/IBurner.sol";
import {EmissionParams, EpochEmission, IEmission} from "./interfaces/IEmission.sol";
import {EpochTiming} from "./interfaces/IEpochClock.sol";
import {IIO} from "./interfaces/IIO.sol";
import {EmissionCurve} from "./libraries/EmissionCurve.sol";

/// @notice Documented in IEmission.
contract Emission is IEmission, EpochClock {
    address public immutable io;
    address public immutable burner;
    address public immutable settlement;
    uint256 public immutable genesis;
    uint256 public immutable maxScheduled;

    uint256 private immutable _launchEmission;
    uint256 private immutable _halvingPeriodSec;
    uint256 private immutable _yearlyNetCap;

    //  One slot:
    //
    //      255        160 159              64 63        0
    //     ┌──────────────┬───────────────────┬───────────┐
    //     │ total net 96 │total scheduled 96 │next epoch │
    //     └──────────────┴───────────────────┴───────────┘
    //
    // Scheduled is at most the maximum supply. A year's net emission fits 96 bits and so, with the mainnet's cap, do a
    // million of them.
    uint64 public nextEpoch;
    uint96 private _totalScheduled;
    uint96 private _totalNet;

    /// @dev IO must exist already, with its genesis and nothing else.
    constructor(
        address io_,
        address burner_,
        address settlement_,
        EpochTiming memory timing,
        EmissionParams memory emissionParams
    ) EpochClock(timing) {
        require(emissionParams.halvingPeriodSec != 0, ZeroHalvingPeriod());
        io = io_;
        burner = burner_;
        settlement = settlement_;
        genesis = IIO(io_).totalSupply();
        maxScheduled = IIO(io_).MAX_SUPPLY() - genesis;
        _launchEmission = emissionParams.launchEmission;
        _halvingPeriodSec = emissionParams.halvingPeriodSec;
        _yearlyNetCap = emissionParams.yearlyNetCap;
    }

    function mintEpoch(uint64 epoch) external returns (uint256 scheduled, uint256 net) {
        require(msg.sender == settlement, Unauthorized(msg.sender, settlement));
        require(epoch == nextEpoch, EpochOutOfOrder(epoch, nextEpoch));
        require(block.timestamp >= _endOf(epoch), EpochNotEnded(block.timestamp, _endOf(epoch)));

        EpochEmission memory emission = emissionOf(epoch);
        (scheduled, net) = (emission.scheduled, emission.net);
        nextEpoch = epoch + 1;
        // Invariants 1 and 2: neither fits more than 96 bits, see the slot.
        _totalScheduled += uint96(scheduled);
        _totalNet += uint96(net);
        emit EpochMinted(epoch, scheduled, _totalScheduled);
        emit NetEmissionMinted(epoch, emission.burned, emission.cap, net, _totalNet);

        IIO(io).mint(msg.sender, scheduled + net);
    }

    function params() external view returns (EmissionParams memory) {
        return EmissionParams({
            launchEmission: uint96(_launchEmission),
            halvingPeriodSec: uint40(_halvingPeriodSec),
            yearlyNetCap: uint96(_yearlyNetCap)
        });
    }

    function totals() external view returns (uint256 scheduled, uint256 net) {
        return (_totalScheduled, _totalNet);
    }

    function emissionOf(uint64 epoch) public view returns (EpochEmission memory emission) {
        // 64 + 12 bits of seconds, times 96 bits of the cap.
        uint256 from = epoch * epochLengthSec;
        uint256 to = from + epochLengthSec;
        emission.scheduled = scheduledUntil(to) - scheduledUntil(from);
        emission.burned = IBurner(burner).burnedIn(epoch);
        emission.cap = EmissionCurve.netCap(_yearlyNetCap, from, to);
        emission.net = EmissionCurve.net(emission.burned, emission.cap);
    }

    function scheduledUntil(uint256 elapsedSec) public view returns (uint256) {
        return EmissionCurve.scheduledBy(_launchEmission, _halvingPeriodSec, maxScheduled, elapsedSec);
    }
}
