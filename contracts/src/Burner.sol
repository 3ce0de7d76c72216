// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {BurnerParams, IBurner, Permit, Report} from "./interfaces/IBurner.sol";
import {IIO} from "./interfaces/IIO.sol";
import {IIOSD} from "./interfaces/IIOSD.sol";
import {IPriceFeed} from "./interfaces/IPriceFeed.sol";
import {ReportWord} from "./libraries/ReportWord.sol";

/// @notice Documented in IBurner.
contract Burner is IBurner {
    using ReportWord for uint256;

    uint256 public constant MAX_EPOCH_LENGTH_SEC = 3600;
    uint256 public constant MAX_PRICE_AGE_SEC = 30;
    uint256 public constant MAX_PREMIUM_BPS = 500;
    uint256 public constant MAX_CONFIDENCE_BPS = 200;

    uint256 private constant BPS = 10_000;
    uint256 private constant ONE = 1e18;

    address public immutable io;
    address public immutable iosd;
    address public immutable feed;
    uint256 public immutable epochStart;
    uint256 public immutable epochLengthSec;

    uint256 public totalBurned;
    mapping(uint256 epoch => uint256) public burnedIn;

    constructor(address io_, address iosd_, address feed_, BurnerParams memory params) {
        require(params.epochLengthSec != 0, ZeroEpochLength());
        require(
            params.epochLengthSec <= MAX_EPOCH_LENGTH_SEC, EpochTooLong(params.epochLengthSec, MAX_EPOCH_LENGTH_SEC)
        );
        io = io_;
        iosd = iosd_;
        feed = feed_;
        epochStart = params.epochStart;
        epochLengthSec = params.epochLengthSec;
    }

    function burnExactIn(uint256 ioIn, uint256 minIosdOut, uint256 deadline) external returns (uint256) {
        return _burnExactIn(ioIn, minIosdOut, deadline);
    }

    function burnExactOut(uint256 iosdOut, uint256 maxIoIn, uint256 deadline) external returns (uint256) {
        return _burnExactOut(iosdOut, maxIoIn, deadline);
    }

    function burnExactInWithReport(uint256 ioIn, uint256 minIosdOut, uint256 deadline, Report calldata report)
        external
        returns (uint256)
    {
        _apply(report);
        return _burnExactIn(ioIn, minIosdOut, deadline);
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
        return _burnExactIn(ioIn, minIosdOut, deadline);
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

    function epochOf(uint256 time) public view returns (uint256) {
        require(time >= epochStart, EpochsNotStarted(time, epochStart));
        return (time - epochStart) / epochLengthSec;
    }

    function _burnExactIn(uint256 ioIn, uint256 minIosdOut, uint256 deadline) private returns (uint256 iosdOut) {
        (uint256 price, uint256 round) = _guardedPrice(deadline);
        iosdOut = Math.mulDiv(ioIn, price, ONE);
        require(iosdOut != 0, ZeroOutput());
        require(iosdOut >= minIosdOut, OutputTooLow(iosdOut, minIosdOut));
        _exchange(ioIn, iosdOut, price, round);
    }

    function _burnExactOut(uint256 iosdOut, uint256 maxIoIn, uint256 deadline) private returns (uint256 ioIn) {
        (uint256 price, uint256 round) = _guardedPrice(deadline);
        require(iosdOut != 0, ZeroOutput());
        ioIn = Math.mulDiv(iosdOut, ONE, price, Math.Rounding.Ceil);
        require(ioIn <= maxIoIn, InputTooHigh(ioIn, maxIoIn));
        _exchange(ioIn, iosdOut, price, round);
    }

    /// @dev The price if it may be burned at, and its round.
    function _guardedPrice(uint256 deadline) private view returns (uint256 price, uint256 round) {
        require(block.timestamp <= deadline, DeadlinePassed(block.timestamp, deadline));
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

    function _exchange(uint256 ioIn, uint256 iosdOut, uint256 price, uint256 round) private {
        uint256 epoch = epochOf(block.timestamp);
        burnedIn[epoch] += ioIn;
        totalBurned += ioIn;
        emit Burned(msg.sender, epoch, ioIn, iosdOut, price, uint40(round));

        IIO(io).burnFrom(msg.sender, ioIn);
        IIOSD(iosd).mint(msg.sender, iosdOut);
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
