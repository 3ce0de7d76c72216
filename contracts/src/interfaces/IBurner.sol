// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

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
/// moving average, with a wide confidence, or old. Below the average burning goes on, as a low price never hurts the
/// network.
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

    event Burned(
        address indexed account, uint256 indexed epoch, uint256 io, uint256 iosd, uint256 price, uint40 round
    );

    function MAX_EPOCH_LENGTH_SEC() external view returns (uint256);

    /// @notice The oldest price that is burned at.
    function MAX_PRICE_AGE_SEC() external view returns (uint256);

    /// @notice How far the price may be above its moving average.
    function MAX_PREMIUM_BPS() external view returns (uint256);

    function MAX_CONFIDENCE_BPS() external view returns (uint256);

    function io() external view returns (address);

    function iosd() external view returns (address);

    function feed() external view returns (address);

    function epochStart() external view returns (uint256);

    function epochLengthSec() external view returns (uint256);

    /// @notice IO burned in an epoch, by block time. Final once the epoch has ended.
    function burnedIn(uint256 epoch) external view returns (uint256);

    function totalBurned() external view returns (uint256);

    /// @notice ⌊(time − epochStart) / epochLengthSec⌋.
    function epochOf(uint256 time) external view returns (uint256);

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
}
