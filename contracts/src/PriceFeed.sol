// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {GroupKeys} from "./interfaces/IGroupKeyConsumer.sol";
import {IOracleRegistry, Signature} from "./interfaces/IOracleRegistry.sol";
import {FeedParams, IPriceFeed, Observation, ReadRefusal} from "./interfaces/IPriceFeed.sol";
import {OracleDomain} from "./libraries/OracleDomain.sol";
import {ReportWord} from "./libraries/ReportWord.sol";
import {Schnorr} from "./libraries/Schnorr.sol";

/// @notice Documented in IPriceFeed.
contract PriceFeed is IPriceFeed {
    using ReportWord for uint256;

    bytes32 private constant REPORT_TYPEHASH = keccak256("Report(bytes32 feedId,uint256 word)");

    /// @dev ERC-7726 names national currencies by their ISO 4217 number; amounts of it have 18 decimals here.
    address private constant USD = address(840);
    uint256 private constant ONE = 1e18;
    /// @dev From 18 decimals to the 8 that consumers of AggregatorV3Interface expect.
    uint256 private constant TO_8_DECIMALS = 1e10;
    uint256 private constant DECISECONDS = 10;
    /// @dev $0.001: an average near zero can rise again.
    uint256 private constant RISE_FLOOR = 1e15;

    /// @dev Three rounds and a block. An older report would let its sender choose among the prices since.
    uint256 private constant LONGEST_AGE_SEC = 30;
    /// @dev A report further ahead would lock the feed for longer than a silence that is borne.
    uint256 private constant LONGEST_FUTURE_SEC = 30;

    // Read by one function, `params`: the compiled dispatch compares a call with one selector after the other, in
    // ascending order, so each public getter below that of `update` would cost every update 22 gas.
    address private immutable _registry;
    bytes32 private immutable _feedId;
    address private immutable _base;
    uint256 private immutable _maxAgeSec;
    uint256 private immutable _maxFutureSec;
    uint256 private immutable _emaPeriodSec;

    uint256 private immutable _deploymentChainId;
    bytes32 private immutable _deploymentDomain;

    uint256 private _groupKeyX;

    /// @dev Layout of ReportWord. Zero before the first update; never zero after it, as a price of zero is refused.
    uint256 private _latest;

    // Read only where the newest key does not verify: a rotation costs the updates after it nothing.
    uint256 private _previousKeyX;
    uint32 private _keyEpoch;
    uint40 private _previousUntil;

    string public description;

    constructor(address registry_, bytes32 feedId_, FeedParams memory feedParams) {
        require(feedParams.maxAgeSec != 0, ZeroParameter("maxAgeSec"));
        require(feedParams.emaPeriodSec != 0, ZeroParameter("emaPeriodSec"));
        require(
            feedParams.maxAgeSec <= LONGEST_AGE_SEC,
            ParameterTooLarge("maxAgeSec", feedParams.maxAgeSec, LONGEST_AGE_SEC)
        );
        require(
            feedParams.maxFutureSec <= LONGEST_FUTURE_SEC,
            ParameterTooLarge("maxFutureSec", feedParams.maxFutureSec, LONGEST_FUTURE_SEC)
        );
        _registry = registry_;
        _feedId = feedId_;
        _base = feedParams.base;
        _maxAgeSec = feedParams.maxAgeSec;
        _maxFutureSec = feedParams.maxFutureSec;
        _emaPeriodSec = feedParams.emaPeriodSec;
        description = feedParams.description;
        _deploymentChainId = block.chainid;
        _deploymentDomain = OracleDomain.separator(registry_);
    }

    function setGroupKey(uint32 keyEpoch, uint256 px, uint40 previousUntil) external {
        require(msg.sender == _registry, Unauthorized(msg.sender, _registry));
        _previousKeyX = _groupKeyX;
        _groupKeyX = px;
        _keyEpoch = keyEpoch;
        _previousUntil = previousUntil;
        emit GroupKeySet(keyEpoch, px, previousUntil);
    }

    function update(uint256 word, address r, uint256 s) external {
        uint256 last = _latest;
        _checkReport(word, last);
        bytes32 digest = _digest(word);
        uint256 newest = _groupKeyX;
        uint256 px = newest;
        // One call in a loop is compiled in place: a second call would cost every update 32 gas more. The reads stay
        // inside of the branch, or they would be moved in front of the loop.
        for (bool isNewest = true; !Schnorr.verify(px, digest, r, s); isNewest = false) {
            if (isNewest && block.timestamp < _previousUntil) {
                px = _previousKeyX;
            } else {
                revert InvalidCertificate(newest);
            }
        }
        _store(word, last);
    }

    function updateWithQuorum(uint256 word, Signature[] calldata signatures) external {
        uint256 last = _latest;
        _checkReport(word, last);
        // Exact, though a round may start between seconds: keys change over on a whole one.
        uint256 startSec = word.round() / DECISECONDS;
        IOracleRegistry(_registry).verifyQuorumAt(reportDigest(word), signatures, startSec);
        _store(word, last);
    }

    function reportDigest(uint256 word) public view returns (bytes32) {
        return OracleDomain.digest(
            OracleDomain.separator(_registry), keccak256(abi.encode(REPORT_TYPEHASH, _feedId, word))
        );
    }

    function groupKeys() external view returns (GroupKeys memory) {
        return GroupKeys(_keyEpoch, _groupKeyX, _previousKeyX, _previousUntil);
    }

    function params() external view returns (address registry, bytes32 feedId, FeedParams memory feedParams) {
        return (
            _registry,
            _feedId,
            FeedParams({
                base: _base,
                maxAgeSec: uint40(_maxAgeSec),
                maxFutureSec: uint40(_maxFutureSec),
                emaPeriodSec: uint40(_emaPeriodSec),
                description: description
            })
        );
    }

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
        )
    {
        uint256 word = _requirePrice();
        return (word.price(), word.confidence(), word.observedAt(), word.round(), word.ema(), _ageSec(word));
    }

    function tryRead(uint256 maximumAgeSec)
        external
        view
        returns (bool ok, ReadRefusal refusal, Observation memory observation)
    {
        uint256 word = _latest;
        if (word == 0) return (false, ReadRefusal.NoPrice, observation);
        uint256 ageSec = _ageSec(word);
        if (ageSec > maximumAgeSec) return (false, ReadRefusal.TooOld, observation);
        observation = Observation({
            price: word.price(),
            confidenceBps: word.confidence(),
            observedAt: word.observedAt(),
            round: word.round(),
            ema: word.ema(),
            ageSec: ageSec
        });
        return (true, ReadRefusal.None, observation);
    }

    function latestWord() external view returns (uint256) {
        return _latest;
    }

    function getQuote(uint256 baseAmount, address from, address to) external view returns (uint256) {
        uint256 word = _requirePrice();
        uint256 ageSec = _ageSec(word);
        require(ageSec <= _maxAgeSec, PriceTooOld(ageSec, _maxAgeSec));
        if (from == _base && to == USD) return Math.mulDiv(baseAmount, word.price(), ONE);
        if (from == USD && to == _base) return Math.mulDiv(baseAmount, ONE, word.price());
        revert UnsupportedPair(from, to);
    }

    function decimals() external pure returns (uint8) {
        return 8;
    }

    function version() external pure returns (uint256) {
        return 1;
    }

    function getRoundData(uint80 roundId) external view returns (uint80, int256, uint256, uint256, uint80) {
        uint256 word = _requirePrice();
        require(roundId == word.round(), RoundNotStored(roundId, word.round()));
        return _roundData(word);
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return _roundData(_requirePrice());
    }

    /// @dev Cheapest first, and everything before the signature; the order is part of the protocol.
    function _checkReport(uint256 word, uint256 last) private view {
        unchecked {
            // Invariant 17. Fields are at most 40 bits and block time is far below 2^64: no sum here can overflow.
            require(word.round() > last.round(), RoundNotNewer(word.round(), last.round()));
            uint256 observedAt = word.observedAt();
            require(observedAt >= last.observedAt(), ObservedBeforeLast(observedAt, last.observedAt()));
            // Nobody may choose among the prices of the last minutes.
            require(
                observedAt + _maxAgeSec >= block.timestamp, ReportTooOld(block.timestamp - observedAt, _maxAgeSec)
            );
            // A round from the future would lock the feed until then.
            uint256 horizon = block.timestamp + _maxFutureSec;
            require(observedAt <= horizon, ObservedInFuture(observedAt, horizon));
            require(
                word.round() <= horizon * DECISECONDS, RoundInFuture(word.round(), horizon * DECISECONDS)
            );
            require(word.ema() == 0, ReservedBitsSet(word.ema()));
            require(word.price() != 0, ZeroPrice());
        }
    }

    /// @dev What reportDigest answers, for `update` alone: in place, without memory allocated, and with the domain of
    /// the deployment unless the chain has forked since.
    function _digest(uint256 word) private view returns (bytes32 digest) {
        bytes32 typeHash = REPORT_TYPEHASH;
        bytes32 id = _feedId;
        bytes32 domain = block.chainid == _deploymentChainId ? _deploymentDomain : OracleDomain.separator(_registry);
        assembly ("memory-safe") {
            // keccak256(0x19 0x01 ‖ domain ‖ keccak256(typeHash ‖ id ‖ word)). The free memory pointer at 0x40 is
            // overwritten and put back.
            let freePointer := mload(0x40)
            mstore(0x00, typeHash)
            mstore(0x20, id)
            mstore(0x40, word)
            mstore(0x40, keccak256(0x00, 0x60))
            mstore(0x00, 0x1901)
            mstore(0x20, domain)
            digest := keccak256(0x1e, 0x42)
            mstore(0x40, freePointer)
        }
    }

    function _store(uint256 word, uint256 last) private {
        uint256 stored = word.withEma(_nextEma(word, last));
        _latest = stored;
        emit PriceUpdated(uint40(stored.round()), uint80(stored.price()), stored);
    }

    /// @dev ema += (min(last price, 2 · ema + floor) − ema) · dt / τ, dt = min(Δ observedAt, τ). The last price is what was
    /// true during dt, so a report cannot move the average that it is itself compared with. The step is rounded towards
    /// zero, so the average stays between its old value and the last price, and fits its 80 bits.
    function _nextEma(uint256 word, uint256 last) private view returns (uint256) {
        if (last == 0) return word.price();
        unchecked {
            // observedAt never falls; |price − ema| < 2^81 and dt < 2^40: the product fits.
            uint256 dt = word.observedAt() - last.observedAt();
            if (dt > _emaPeriodSec) dt = _emaPeriodSec;
            int256 ema = int256(last.ema());
            // Else two reports in one block could lift it to any price, under a stolen key.
            int256 held = int256(last.price());
            int256 most = 2 * ema + int256(RISE_FLOOR);
            if (held > most) held = most;
            int256 moved = (held - ema) * int256(dt);
            uint256 period = _emaPeriodSec;
            int256 step;
            assembly ("memory-safe") {
                // Without the test for zero, which the constructor has made.
                step := sdiv(moved, period)
            }
            return uint256(ema + step);
        }
    }

    function _requirePrice() private view returns (uint256 word) {
        word = _latest;
        require(word != 0, NoPrice());
    }

    /// @dev A report may be ahead of the block by maxFutureSec: its age is then 0.
    function _ageSec(uint256 word) private view returns (uint256) {
        uint256 observedAt = word.observedAt();
        return block.timestamp > observedAt ? block.timestamp - observedAt : 0;
    }

    function _roundData(uint256 word) private pure returns (uint80, int256, uint256, uint256, uint80) {
        uint80 roundId = uint80(word.round());
        int256 answer = int256(word.price() / TO_8_DECIMALS);
        return (roundId, answer, word.round() / DECISECONDS, word.observedAt(), roundId);
    }
}
