// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Report} from "../../../src/interfaces/IBurner.sol";
import {Member, RegistryState, Signature} from "../../../src/interfaces/IOracleRegistry.sol";
import {IPriceFeed} from "../../../src/interfaces/IPriceFeed.sol";
import {Books, Price} from "./Books.sol";

/// @notice Certified prices, and whether one may be burned at.
abstract contract Prices is Books {
    function push(Price memory next, uint256 seed) internal {
        if (groupSecret == 0) return pushByQuorum(next, seed);
        Report memory report = certified(next);
        bytes memory data = abi.encodeCall(IPriceFeed.update, (report.word, report.r, report.s));
        mustSend(anybody(seed), address(feed), data);
        notePrice(next.price, next.confidence, next.observedAt, next.round);
    }

    function pushByQuorum(Price memory next, uint256 seed) internal {
        uint256 reportWord = word(next.price, next.confidence, next.observedAt, next.round);
        bytes32 digest = feed.reportDigest(reportWord);
        RegistryState memory state = registry.state();
        Signature[] memory signatures;
        if (next.round / 10 < state.switchesAt && state.newest.keyEpoch > 1) {
            Member[] memory list = registry.membersOf(state.previous.memberSet);
            (, uint256 n) = occupied(list);
            signatures = signedBy(list, state.previous.suspended, quorumOf(n), digest, seed);
        } else {
            signatures = signedByQuorum(digest, seed);
        }
        bytes memory data = abi.encodeCall(IPriceFeed.updateWithQuorum, (reportWord, signatures));
        mustSend(anybody(seed), address(feed), data);
        notePrice(next.price, next.confidence, next.observedAt, next.round);
    }

    /// @dev Mostly some percent up or down; sometimes a jump, or a price that is too uncertain to burn at.
    function nextPrice(uint256 seed) internal view returns (Price memory next) {
        uint256 time = vm.getBlockTimestamp();
        uint256 last = lastPrice == 0 ? 2e18 : lastPrice;
        uint256 permille = 975 + roll(seed, "walk") % 51;
        if (roll(seed, "jump") % 8 == 0) permille = 700 + roll(seed, "far") % 700;
        next.price = bound((last * permille) / 1000, 0.01e18, 10_000e18);
        next.confidence = roll(seed, "wide") % 10 == 0 ? 201 + seed % 100 : roll(seed, "confidence") % 201;
        next.observedAt = time;
        next.round = lastRound < time * 10 ? time * 10 : lastRound + 1;
    }

    function certified(Price memory next) internal returns (Report memory report) {
        report.word = word(next.price, next.confidence, next.observedAt, next.round);
        (report.r, report.s) = signSchnorr(groupSecret, feed.reportDigest(report.word));
    }

    function mayBurn(Price memory at, uint256 ema) internal view returns (bool) {
        uint256 time = vm.getBlockTimestamp();
        if (time < pausedUntil || time > at.observedAt + 30) return false;
        return at.confidence <= 200 && at.price * BPS <= ema * (BPS + 500);
    }
}
