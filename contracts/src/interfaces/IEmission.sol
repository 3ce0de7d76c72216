// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEpochClock} from "./IEpochClock.sol";

/// @notice The curve and the cap, immutable. On mainnet 12,000,000 IO in the first period of 730 days, which is
/// 500,000 a month, and 60,000 IO of net emission a year, which is 1% of the first year's schedule.
/// @param launchEmission Scheduled in the first period, in wei; each later period has half of the one before.
/// @param halvingPeriodSec H.
/// @param yearlyNetCap y: the most that is minted again for burns in 365 days, in wei.
struct EmissionParams {
    uint96 launchEmission;
    uint40 halvingPeriodSec;
    uint96 yearlyNetCap;
}

/// @notice What an epoch mints.
/// @param scheduled By the curve.
/// @param burned IO burned in the epoch. It grows until the epoch has ended.
/// @param cap The most that may be minted again of it.
/// @param net min(burned, cap).
struct EpochEmission {
    uint256 scheduled;
    uint256 burned;
    uint256 cap;
    uint256 net;
}

/// @title The only minter of IO after the first block
/// @notice It computes by itself what an epoch mints, from the epoch's number and the burn counter alone, and keeps its
/// own count of epochs: whoever settles cannot mint more, twice, early, or out of order.
///
/// With A = launchEmission, H = halvingPeriodSec, k = ⌊t/H⌋ and t in seconds since epochStart:
///   C(t) = A·(2 − 2^(1−k)) + A·(t − kH)/(2^k·H), rounded down once
///   S(t) = min(C(t), maxScheduled), maxScheduled = maximum supply − genesis
///   scheduled = S((e+1)·L) − S(e·L)
///   cap = ⌊y·(e+1)·L/Y⌋ − ⌊y·e·L/Y⌋, Y = 365 days; net = min(burned, cap)
interface IEmission is IEpochClock {
    error Unauthorized(address caller, address required);
    error ZeroHalvingPeriod();
    error EpochOutOfOrder(uint64 given, uint64 required);
    error EpochNotEnded(uint256 time, uint256 end);

    event EpochMinted(uint64 indexed epoch, uint256 scheduled, uint256 totalScheduled);
    event NetEmissionMinted(uint64 indexed epoch, uint256 burned, uint256 cap, uint256 net, uint256 totalNet);

    function io() external view returns (address);

    /// @notice Where the burn counters are.
    function burner() external view returns (address);

    /// @notice The one contract that can have an epoch minted, and that receives it.
    function settlement() external view returns (address);

    function params() external view returns (EmissionParams memory);

    /// @notice IO that existed when this was deployed, in wei.
    function genesis() external view returns (uint256);

    /// @notice The curve ends here.
    function maxScheduled() external view returns (uint256);

    /// @notice The epoch that is minted next; all before it have been.
    function nextEpoch() external view returns (uint64);

    /// @notice Σ scheduled of all minted epochs, and Σ net.
    function totals() external view returns (uint256 scheduled, uint256 net);

    /// @notice S(t): what the schedule has minted `elapsedSec` after epochStart, in wei.
    function scheduledUntil(uint256 elapsedSec) external view returns (uint256);

    /// @notice What `epoch` mints; what has been minted of epochs before `nextEpoch`.
    function emissionOf(uint64 epoch) external view returns (EpochEmission memory);

    /// @notice Mints an epoch to Settlement. Only Settlement, only in order, only after its end.
    function mintEpoch(uint64 epoch) external returns (uint256 scheduled, uint256 net);
}
