// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BurnerParams, IBurner, Permit, Report} from "./interfaces/IBurner.sol";
import {IIO} from "./interfaces/IIO.sol";
import {IIOSD} from "./interfaces/IIOSD.sol";
import {IOracleRegistry, Signature} from "./interfaces/IOracleRegistry.sol";
import {IPriceFeed} from "./interfaces/IPriceFeed.sol";
import {Exchange} from "./libraries/Exchange.sol";
import {LeakyBucket} from "./libraries/LeakyBucket.sol";
import {OracleDomain} from "./libraries/OracleDomain.sol";
import {ReportWord} from "./libraries/ReportWord.sol";

/// @notice Documented in IBurner.
contract Burner is IBurner {
    using ReportWord for uint256;

    uint256 public constant MAX_EPOCH_LENGTH_SEC = 3600;
    uint256 public constant MAX_PRICE_AGE_SEC = 30;
    uint256 public constant MAX_PREMIUM_BPS = 500;
    uint256 public constant MAX_CONFIDENCE_BPS = 200;
    uint256 public constant MAX_HOURLY_BPS = 100;
    uint256 public constant PAUSE_SEC = 72 hours;
    uint256 public constant PAUSE_INTERVAL_SEC = 14 days;

    bytes32 private constant PAUSE_TYPEHASH = keccak256("PauseBurns(uint32 pauses)");
    uint256 private constant BPS = 10_000;

    address public immutable io;
    address public immutable iosd;
    address public immutable feed;
    address public immutable registry;
    address public immutable distributor;
    uint256 public immutable epochStart;
    uint256 public immutable epochLengthSec;

    uint256 public totalBurned;
    mapping(uint256 epoch => uint256) public burnedIn;

    //  Read and written by every burn:
    //
    //      255    208 207      176 175           136 135      96 95        0
    //     ┌──────────┬────────────┬────────────────┬────────────┬──────────┐
    //     │unused 48 │ pauses 32  │ pausedUntil 40 │ levelAt 40 │ level 96 │
    //     └──────────┴────────────┴────────────────┴────────────┴──────────┘
    //
    // level: what of the bucket was used at levelAt, in wei of IO; a hundredth of the largest supply has 78 bits.
    uint96 private _level;
    uint40 private _levelAt;
    uint40 public pausedUntil;
    uint32 public pauses;

    constructor(
        address io_,
        address iosd_,
        address feed_,
        address registry_,
        address distributor_,
        BurnerParams memory params
    ) {
        require(params.epochLengthSec != 0, ZeroEpochLength());
        require(
            params.epochLengthSec <= MAX_EPOCH_LENGTH_SEC, EpochTooLong(params.epochLengthSec, MAX_EPOCH_LENGTH_SEC)
        );
        io = io_;
        iosd = iosd_;
        feed = feed_;
        registry = registry_;
        distributor = distributor_;
        epochStart = params.epochStart;
        epochLengthSec = params.epochLengthSec;
    }

    function burnExactIn(uint256 ioIn, uint256 minIosdOut, uint256 deadline) external returns (uint256) {
        return _burnExactIn(msg.sender, ioIn, minIosdOut, deadline);
    }

    function burnExactOut(uint256 iosdOut, uint256 maxIoIn, uint256 deadline) external returns (uint256) {
        return _burnExactOut(iosdOut, maxIoIn, deadline);
    }

    function burnExactInWithReport(uint256 ioIn, uint256 minIosdOut, uint256 deadline, Report calldata report)
        external
        returns (uint256)
    {
        _apply(report);
        return _burnExactIn(msg.sender, ioIn, minIosdOut, deadline);
    }

    function burnExactOutWithReport(uint256 iosdOut, uint256 maxIoIn, uint256 deadline, Report calldata report)
        external
        returns (uint256)
    {
        _apply(report);
        return _burnExactOut(iosdOut, maxIoIn, deadline);
    }

    function burnExactInWithPermit(
        uint256 ioIn,
        uint256 minIosdOut,
        uint256 deadline,
        Permit calldata permit,
        Report calldata report
    ) external returns (uint256) {
        _use(permit, ioIn);
        _apply(report);
        return _burnExactIn(msg.sender, ioIn, minIosdOut, deadline);
    }

    function burnExactOutWithPermit(
        uint256 iosdOut,
        uint256 maxIoIn,
        uint256 deadline,
        Permit calldata permit,
        Report calldata report
    ) external returns (uint256) {
        _use(permit, maxIoIn);
        _apply(report);
        return _burnExactOut(iosdOut, maxIoIn, deadline);
    }

    function burnClaimed(
        address account,
        uint256 ioIn,
        uint256 minIosdOut,
        uint256 deadline,
        Report calldata report
    ) external returns (uint256) {
        require(msg.sender == distributor, Unauthorized(msg.sender, distributor));
        _apply(report);
        return _burnExactIn(account, ioIn, minIosdOut, deadline);
    }

    function pause(Signature[] calldata signatures) external {
        uint32 begun = pauses;
        if (begun != 0) {
            uint256 earliest = pausedUntil - PAUSE_SEC + PAUSE_INTERVAL_SEC;
            require(block.timestamp >= earliest, PauseTooSoon(block.timestamp, earliest));
        }
        IOracleRegistry(registry).verifyOneHonest(pauseDigest(), signatures);
        uint256 until = block.timestamp + PAUSE_SEC;
        pausedUntil = uint40(until);
        pauses = begun + 1;
        emit BurnsPaused(begun + 1, until);
    }

    function burnable() external view returns (uint256) {
        (uint256 level, uint256 capacity) = _bucket();
        return LeakyBucket.roomIn(level, capacity);
    }

    function pauseDigest() public view returns (bytes32) {
        return OracleDomain.digest(
            OracleDomain.separator(registry), keccak256(abi.encode(PAUSE_TYPEHASH, pauses))
        );
    }

    function epochOf(uint256 time) public view returns (uint256) {
        require(time >= epochStart, EpochsNotStarted(time, epochStart));
        return (time - epochStart) / epochLengthSec;
    }

    /// @dev Burns what the caller holds.
    /// @param account Gets the IOSD.
    function _burnExactIn(address account, uint256 ioIn, uint256 minIosdOut, uint256 deadline)
        private
        returns (uint256 iosdOut)
    {
        (uint256 price, uint256 round) = _guardedPrice(deadline);
        iosdOut = Exchange.iosdForIo(ioIn, price);
        require(iosdOut != 0, ZeroOutput());
        require(iosdOut >= minIosdOut, OutputTooLow(iosdOut, minIosdOut));
        _exchange(account, ioIn, iosdOut, price, round);
    }

    function _burnExactOut(uint256 iosdOut, uint256 maxIoIn, uint256 deadline) private returns (uint256 ioIn) {
        (uint256 price, uint256 round) = _guardedPrice(deadline);
        require(iosdOut != 0, ZeroOutput());
        ioIn = Exchange.ioForIosd(iosdOut, price);
        require(ioIn <= maxIoIn, InputTooHigh(ioIn, maxIoIn));
        _exchange(msg.sender, ioIn, iosdOut, price, round);
    }

    /// @dev The price if it may be burned at, and its round.
    function _guardedPrice(uint256 deadline) private view returns (uint256 price, uint256 round) {
        require(block.timestamp <= deadline, DeadlinePassed(block.timestamp, deadline));
        require(block.timestamp >= pausedUntil, Paused(pausedUntil));
        uint256 word = IPriceFeed(feed).latestWord();
        require(word != 0, NoPrice());

        uint256 observedAt = word.observedAt();
        uint256 ageSec = block.timestamp > observedAt ? block.timestamp - observedAt : 0;
        require(ageSec <= MAX_PRICE_AGE_SEC, PriceTooOld(ageSec, MAX_PRICE_AGE_SEC));
        require(
            word.confidence() <= MAX_CONFIDENCE_BPS, ConfidenceTooWide(word.confidence(), MAX_CONFIDENCE_BPS)
        );
        // Rounded down: a price on the bound itself passes, one wei above it does not.
        price = word.price();
        uint256 maximum = word.ema() * (BPS + MAX_PREMIUM_BPS) / BPS;
        require(price <= maximum, PriceAboveAverage(price, maximum));
        round = word.round();
    }

    function _exchange(address account, uint256 ioIn, uint256 iosdOut, uint256 price, uint256 round) private {
        // Invariant 17.
        (uint256 level, uint256 capacity) = _bucket();
        uint256 available = LeakyBucket.roomIn(level, capacity);
        require(ioIn <= available, BucketEmpty(ioIn, available));
        _level = uint96(level + ioIn);
        _levelAt = uint40(block.timestamp);

        uint256 epoch = epochOf(block.timestamp);
        burnedIn[epoch] += ioIn;
        totalBurned += ioIn;
        emit Burned(account, epoch, ioIn, iosdOut, price, uint40(round));

        IIO(io).burnFrom(msg.sender, ioIn);
        IIOSD(iosd).mint(account, iosdOut);
    }

    /// @dev What of the bucket is used now, and how much it holds: both in wei of IO.
    function _bucket() private view returns (uint256 level, uint256 capacity) {
        capacity = LeakyBucket.capacityOf(IIO(io).totalSupply(), MAX_HOURLY_BPS);
        level = LeakyBucket.levelAfter(_level, capacity, block.timestamp - _levelAt);
    }

    function _apply(Report calldata report) private {
        if (report.word.round() > IPriceFeed(feed).latestWord().round()) {
            IPriceFeed(feed).update(report.word, report.r, report.s);
        }
    }

    function _use(Permit calldata permit, uint256 amount) private {
        // Anybody who sees the permit can use it first. Then this call fails and the allowance is there all the same;
        // without an allowance the burn itself reverts.
        try IIO(io).permit(msg.sender, address(this), amount, permit.deadline, permit.v, permit.r, permit.s) {} catch {}
    }
}
