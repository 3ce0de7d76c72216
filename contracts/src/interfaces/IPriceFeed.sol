// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AggregatorV3Interface} from "./AggregatorV3Interface.sol";
import {IERC7726} from "./IERC7726.sol";
import {IGroupKeyConsumer} from "./IGroupKeyConsumer.sol";
import {Signature} from "./IOracleRegistry.sol";

/// @notice Immutable: each of these in storage would cost every update a cold read.
/// @param base The token that is priced in USD.
/// @param maxAgeSec The oldest observation that an update may carry, and the oldest price that getQuote answers with;
/// 1 to 30.
/// @param maxFutureSec How far a report may be ahead of the block, at most 30. Gas is estimated on the last block's
/// time, so this should be no less than a block.
/// @param emaPeriodSec τ of the moving average.
/// @param description Such as "IO / USD".
struct FeedParams {
    address base;
    uint40 maxAgeSec;
    uint40 maxFutureSec;
    uint40 emaPeriodSec;
    string description;
}

/// @notice A price with everything needed to judge it.
/// @param price USD, 18 decimals.
/// @param confidenceBps Half the width of the range that the sources agree on, in basis points of the price.
/// @param observedAt Unix seconds.
/// @param round Start of the round, Unix deciseconds.
/// @param ema The moving average of the price, 18 decimals. It follows a fall as it is, and a rise as if the price were
/// at most twice the average and $0.001.
/// @param ageSec Seconds since observedAt, by block time.
struct Observation {
    uint256 price;
    uint256 confidenceBps;
    uint256 observedAt;
    uint256 round;
    uint256 ema;
    uint256 ageSec;
}

enum ReadRefusal {
    None,
    NoPrice,
    TooOld
}

/// @title The certified price of IO in USD
/// @notice Updated by anybody who brings a report with a certificate: a threshold signature by the group key, or
/// identity signatures of a quorum. Rounds only go forward; one storage slot; no owner.
///
/// Every answer is rounded down: getQuote to a wei, and the 8 decimals of latestRoundData to 1e-8 USD, below which the
/// answer is zero.
interface IPriceFeed is IGroupKeyConsumer, AggregatorV3Interface, IERC7726 {
    error Unauthorized(address caller, address required);
    error ZeroParameter(string name);
    error ParameterTooLarge(string name, uint256 given, uint256 maximum);

    error RoundNotNewer(uint256 given, uint256 last);
    error ObservedBeforeLast(uint256 given, uint256 last);
    error ReportTooOld(uint256 ageSec, uint256 maximum);
    error ObservedInFuture(uint256 given, uint256 maximum);
    error RoundInFuture(uint256 given, uint256 maximum);
    /// @notice The 80 bits where the contract puts the moving average must be zero in a signed word.
    error ReservedBitsSet(uint256 given);
    error ZeroPrice();
    error InvalidCertificate(uint256 groupKeyX);

    error NoPrice();
    error PriceTooOld(uint256 ageSec, uint256 maximum);
    /// @notice The feed keeps only the latest round.
    error RoundNotStored(uint256 given, uint256 latest);
    error UnsupportedPair(address base, address quote);

    /// @param price USD, 18 decimals.
    /// @param word The slot as it was stored, moving average included: everything else is in it, for 2 words of data
    /// where 4 fields of their own would cost 512 gas more.
    event PriceUpdated(uint40 indexed round, uint80 price, uint256 word);

    /// @notice Everything that was fixed at deployment.
    /// @return registry The registry whose keys are trusted.
    function params() external view returns (address registry, bytes32 feedId, FeedParams memory feedParams);

    /// @notice The digest that certifies `word`: EIP-712 Report(bytes32 feedId,uint256 word).
    function reportDigest(uint256 word) external view returns (bytes32);

    /// @notice Stores a report that the group key signed: the newest one, or the one before it until previousUntil.
    /// @param word price 80 | 0 (80) | confidence 16 | observedAt 40 | round 40, from high to low bits.
    /// @param r Address of the nonce point.
    /// @param s Scalar.
    function update(uint256 word, address r, uint256 s) external;

    /// @notice Stores a report that a quorum of the members who count at the start of its round signed, ascending by
    /// address (IOracleRegistry.verifyQuorumAt). The way out when the group key cannot sign.
    function updateWithQuorum(uint256 word, Signature[] calldata signatures) external;

    /// @notice The price with its age, whatever that age is. Reverts with NoPrice before the first update.
    /// @dev WARNING: an update is sent when the price moves or a heartbeat passes. Compare `ageSec` and
    /// `confidenceBps` with what you can bear, or use `tryRead`.
    function read()
        external
        view
        returns (
            uint256 price,
            uint256 confidenceBps,
            uint256 observedAt,
            uint256 round,
            uint256 ema,
            uint256 ageSec
        );

    /// @notice The price if it is at most `maxAgeSec` old. Never reverts; when not `ok` the observation is all zero,
    /// so that a caller who forgets the flag has no price to go wrong with.
    function tryRead(uint256 maxAgeSec)
        external
        view
        returns (bool ok, ReadRefusal refusal, Observation memory observation);

    /// @notice The stored slot as it is: price 80 | ema 80 | confidence 16 | observedAt 40 | round 40. Zero before the
    /// first update.
    function latestWord() external view returns (uint256);
}
