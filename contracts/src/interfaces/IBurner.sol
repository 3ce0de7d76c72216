// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Signature} from "./IOracleRegistry.sol";

/// @notice An EIP-2612 permit of the caller for the burner, over the IO that is burned at most.
struct Permit {
    uint256 deadline;
    uint8 v;
    bytes32 r;
    bytes32 s;
}

/// @notice A price report with its certificate, applied to the feed before the burn. A word of zero means none.
/// @dev Only the group key's certificate is taken. A report that a quorum of identities signed goes to
/// IPriceFeed.updateWithQuorum first, and the burn follows without a report.
struct Report {
    uint256 word;
    address r;
    uint256 s;
}

/// @notice Immutable: epochs can be neither shifted nor stretched.
/// @param epochStart t0, Unix seconds.
/// @param epochLengthSec L, at most one hour.
struct BurnerParams {
    uint40 epochStart;
    uint40 epochLengthSec;
}

/// @title The only way to IOSD: burning IO at the certified price, one IOSD for each dollar
/// @notice No spread and no bias. Refused only when the price may be wrong in the burner's favour: far above its
/// moving average, with a wide confidence, or old; when the hour's share of the supply is used up; and while a part of
/// the members that must hold an honest one has paused burns. Below the average burning goes on, as a low price never
/// hurts the network.
interface IBurner {
    error ZeroEpochLength();
    error EpochTooLong(uint256 given, uint256 maximum);
    error EpochsNotStarted(uint256 time, uint256 epochStart);

    error DeadlinePassed(uint256 time, uint256 deadline);
    error NoPrice();
    error PriceTooOld(uint256 ageSec, uint256 maximum);
    error PriceAboveAverage(uint256 price, uint256 maximum);
    error ConfidenceTooWide(uint256 confidenceBps, uint256 maximum);
    error ZeroOutput();
    error OutputTooLow(uint256 given, uint256 required);
    error InputTooHigh(uint256 given, uint256 maximum);
    /// @notice More IO than may be burned now; both in wei.
    error BucketEmpty(uint256 given, uint256 available);

    /// @notice `until` is the first second in which burning goes on.
    error Paused(uint256 until);
    error PauseTooSoon(uint256 time, uint256 earliest);
    /// @notice `caller` is not the one account that may do this.
    error Unauthorized(address caller, address required);

    /// @param account Whose the IOSD is: the caller, or who claimed it as a reward.
    event Burned(
        address indexed account, uint256 indexed epoch, uint256 io, uint256 iosd, uint256 price, uint40 round
    );

    /// @param pause Number of the pause; the first one is 1.
    event BurnsPaused(uint32 indexed pause, uint256 until);

    function MAX_EPOCH_LENGTH_SEC() external view returns (uint256);

    /// @notice The oldest price that is burned at.
    function MAX_PRICE_AGE_SEC() external view returns (uint256);

    /// @notice How far the price may be above its moving average.
    function MAX_PREMIUM_BPS() external view returns (uint256);

    function MAX_CONFIDENCE_BPS() external view returns (uint256);

    /// @notice How much of the supply of IO can be burned at once; so much comes back within an hour.
    function MAX_HOURLY_BPS() external view returns (uint256);

    /// @notice How long a pause is.
    function PAUSE_SEC() external view returns (uint256);

    /// @notice From the beginning of a pause to the earliest beginning of the next one.
    function PAUSE_INTERVAL_SEC() external view returns (uint256);

    function io() external view returns (address);

    function iosd() external view returns (address);

    function feed() external view returns (address);

    /// @notice Whose members can pause burns.
    function registry() external view returns (address);

    /// @notice The only account that may burn for others: RewardsDistributor.
    function distributor() external view returns (address);

    function epochStart() external view returns (uint256);

    function epochLengthSec() external view returns (uint256);

    /// @notice IO burned in an epoch, by block time. Final once the epoch has ended.
    function burnedIn(uint256 epoch) external view returns (uint256);

    function totalBurned() external view returns (uint256);

    /// @notice ⌊(time − epochStart) / epochLengthSec⌋.
    function epochOf(uint256 time) external view returns (uint256);

    /// @notice IO that can be burned in this block, in wei, if nothing else refuses it. A bucket of MAX_HOURLY_BPS of the
    /// supply: what is burned leaks out linearly, all that fits in an hour. Times the price it bounds what IOSD a price
    /// that is wrong within the guards can make.
    function burnable() external view returns (uint256 io);

    /// @notice First second, by block time, in which burns are not paused; 0 before the first pause.
    function pausedUntil() external view returns (uint40);

    /// @notice How many pauses there have been.
    function pauses() external view returns (uint32);

    /// @notice What members sign to pause burns next: PauseBurns(uint32 pauses) with the pauses so far, in the domain of
    /// the registry. Signatures are good until a pause begins, so they are given away only where it should.
    function pauseDigest() external view returns (bytes32);

    /// @notice Burns exactly `ioIn` of the caller's IO, of which the burner needs an allowance.
    /// @param minIosdOut Reverts below it.
    /// @param deadline Last second, by block time, in which this may happen.
    /// @return iosdOut ⌊ioIn · price⌋, minted to the caller.
    function burnExactIn(uint256 ioIn, uint256 minIosdOut, uint256 deadline) external returns (uint256 iosdOut);

    /// @notice Mints exactly `iosdOut` to the caller.
    /// @param maxIoIn Reverts above it.
    /// @return ioIn ⌈iosdOut / price⌉, burned.
    function burnExactOut(uint256 iosdOut, uint256 maxIoIn, uint256 deadline) external returns (uint256 ioIn);

    /// @notice `burnExactIn` after bringing the feed up to date. A report that is not newer than the feed is skipped:
    /// somebody else brought it first.
    function burnExactInWithReport(uint256 ioIn, uint256 minIosdOut, uint256 deadline, Report calldata report)
        external
        returns (uint256 iosdOut);

    /// @notice `burnExactOut` after bringing the feed up to date.
    function burnExactOutWithReport(uint256 iosdOut, uint256 maxIoIn, uint256 deadline, Report calldata report)
        external
        returns (uint256 ioIn);

    /// @notice `burnExactInWithReport` with a permit over `ioIn` in place of an allowance. A permit that was used by
    /// somebody else before is no failure: the allowance it gave decides.
    function burnExactInWithPermit(
        uint256 ioIn,
        uint256 minIosdOut,
        uint256 deadline,
        Permit calldata permit,
        Report calldata report
    ) external returns (uint256 iosdOut);

    /// @notice `burnExactOutWithReport` with a permit over `maxIoIn` in place of an allowance.
    function burnExactOutWithPermit(
        uint256 iosdOut,
        uint256 maxIoIn,
        uint256 deadline,
        Permit calldata permit,
        Report calldata report
    ) external returns (uint256 ioIn);

    /// @notice `burnExactInWithReport` of the distributor's own IO, which `account` has earned and claims as IOSD. Only the
    /// distributor.
    /// @return iosdOut ⌊ioIn · price⌋, minted to `account`.
    function burnClaimed(
        address account,
        uint256 ioIn,
        uint256 minIosdOut,
        uint256 deadline,
        Report calldata report
    ) external returns (uint256 iosdOut);

    /// @notice Stops all burns, and nothing else, for PAUSE_SEC. Anybody may send it; at least f + 1 active members must have
    /// signed pauseDigest(). Not within PAUSE_INTERVAL_SEC of the last one's beginning: f + 1 of the members can slow the
    /// network down, and never hold it up.
    function pause(Signature[] calldata signatures) external;
}
