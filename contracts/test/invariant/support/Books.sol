// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochParams} from "../../../src/interfaces/IParameters.sol";
import {EpochReport} from "../../../src/interfaces/ISettlement.sol";
import {World} from "./World.sol";

interface IFingerprints {
    function fingerprints() external view returns (bytes32 state, bytes32 staged);
}

/// @notice What one payer has of one asset, as it follows from what the payer did.
struct PayerBook {
    uint256 deposited;
    uint256 withdrawn;
    uint256 requested;
    uint64 requestEpoch;
    uint256 requestedAt;
    uint256 debited;
    /// @dev Charged, and in no active epoch yet.
    uint256 unsettled;
    /// @dev Paid by the last root of a network that stood still: what was used is lost to the worker.
    bool wasStale;
}

/// @notice What the relayer accepted that a worker may be paid.
struct Hold {
    address payer;
    address worker;
    uint8 asset;
    uint256 left;
    uint64 expires;
}

struct Usage {
    address payer;
    address worker;
    uint8 asset;
    uint256 amount;
    uint64 epoch;
}

struct Flow {
    uint64 epoch;
    uint8 asset;
    int256 amount;
}

/// @notice An epoch on its way: the report, and what every line of its trees grows by.
struct Stage {
    EpochReport report;
    uint256[] earned;
    uint256[] debitIo;
    uint256[] debitIosd;
}

/// @notice What an epoch that became active did, for the identity.
struct Activated {
    uint256 pool;
    uint256 released;
    uint256 hired;
    uint256 availability;
    uint256 debitIo;
    uint256 passedOn;
    uint256 reserveBefore;
}

/// @notice What was seen after the last action, of what may only rise, or change with a set.
struct Seen {
    uint256 round;
    uint256 burned;
    uint256 pauses;
    uint256 members;
    uint64 epoch;
    uint32 memberSet;
}

/// @notice A function that can be attacked.
struct Entry {
    address target;
    bytes4 selector;
}

/// @notice What a report says.
struct Price {
    uint256 price;
    uint256 confidence;
    uint256 observedAt;
    uint256 round;
}

/// @notice The books that the chain is compared with: from the history of calls alone, by other ways of computing
/// than those of the contracts wherever there are two.
abstract contract Books is World {
    uint256 internal constant BPS = 10_000;
    uint256 internal constant YEAR = 365 days;
    uint256 internal constant STALE = 30 days;

    // --- supply ---
    uint256 internal scheduled;
    uint256 internal net;
    uint256 internal burned;
    mapping(uint64 epoch => uint256) internal burnedIn;
    uint256 internal iosdMinted;
    uint256 internal iosdSpent;

    // --- settlement ---
    uint64 internal nextEpoch;
    uint40 internal nextAttempt;
    uint256 internal reserve;
    bool internal isStaged;
    Stage internal stage;
    uint256 internal stagedAt;
    uint256 internal rootActivatedAt;

    // --- rewards ---
    uint256 internal funded;
    uint256 internal claimed;
    bytes32 internal rewardRoot;
    mapping(address account => uint256) internal earned;
    mapping(address account => uint256) internal paid;
    mapping(address account => address) internal payout;

    // --- escrow ---
    bytes32 internal debitRoot;
    uint64 internal rootEpochs;
    mapping(uint8 asset => uint256) internal debited;
    mapping(address payer => mapping(uint8 asset => PayerBook)) internal book;
    mapping(address payer => uint64) internal firstEpochPlusOne;
    Flow[] internal flows;
    Hold[] internal holds;
    /// @dev Not in any active epoch yet.
    Usage[] internal waiting;
    /// @dev By contract and asset, what came in without a function that takes it.
    mapping(address receiver => mapping(uint8 asset => uint256)) internal donated;

    // --- burns and prices ---
    uint256 internal level;
    uint256 internal levelAt;
    uint256 internal pausedUntil;
    uint32 internal pauses;
    uint256 internal lastPrice;
    uint256 internal lastEma;
    uint256 internal lastConfidence;
    uint256 internal lastObservedAt;
    uint256 internal lastRound;
    mapping(uint64 epoch => uint256) internal highestPrice;

    // --- parameters ---
    uint64[] internal paramsFrom;
    EpochParams[] internal paramsValues;

    // --- used certificates ---
    /// @dev The last calls that must be worth nothing once they have been made.
    bytes[] internal usedCalls;
    address[] internal usedTargets;
    uint256 internal usedCount;

    Entry[] internal entries;

    // --- devices and models ---
    uint256 internal devices;
    bytes32[] internal modelIds;
    mapping(bytes32 id => address) internal ownerOf;
    mapping(bytes32 id => bool) internal isRetired;

    // --- what the last activated epoch paid, and what checks have seen ---
    Activated internal last;
    Seen internal seen;
    mapping(address account => uint256) internal seenClaimed;

    // --- schedule: by summing periods, where the contract has a closed form ---

    function scheduleUntil(uint256 elapsedSec) internal pure returns (uint256) {
        uint256 periods = elapsedSec / HALVING;
        uint256 numerator = 0;
        for (uint256 i = 0; i < periods; ++i) {
            numerator += (LAUNCH_EMISSION * HALVING) << (periods - i);
        }
        numerator += LAUNCH_EMISSION * (elapsedSec % HALVING);
        uint256 sum = numerator / (HALVING << periods);
        uint256 most = 22_300_000e18 - GENESIS;
        return sum < most ? sum : most;
    }

    function scheduleOf(uint64 epoch) internal pure returns (uint256) {
        return scheduleUntil((epoch + 1) * EPOCH_SEC) - scheduleUntil(epoch * EPOCH_SEC);
    }

    function netOf(uint64 epoch) internal view returns (uint256) {
        uint256 cap =
            (NET_CAP * (uint256(epoch) + 1) * EPOCH_SEC) / YEAR - (NET_CAP * epoch * EPOCH_SEC) / YEAR;
        return burnedIn[epoch] < cap ? burnedIn[epoch] : cap;
    }

    function released() internal view returns (uint256) {
        return reserve / 8760;
    }

    function poolOf(uint64 epoch) internal view returns (uint256) {
        return scheduleOf(epoch) + netOf(epoch) + released();
    }

    function hiredMaxOf(uint64 epoch, uint256 hiredBps) internal view returns (uint256) {
        return ((scheduleOf(epoch) + released()) * hiredBps) / 10_000 + netOf(epoch);
    }

    function supplyOf() internal view returns (uint256) {
        return GENESIS + scheduled + net - burned;
    }

    // --- the bucket ---

    function room() internal view returns (uint256) {
        uint256 capacity = supplyOf() / 100;
        return capacity > used() ? capacity - used() : 0;
    }

    function used() private view returns (uint256) {
        uint256 leaked = (supplyOf() / 100 * (vm.getBlockTimestamp() - levelAt)) / 3600;
        return level > leaked ? level - leaked : 0;
    }

    function noteBurn(uint256 ioIn, uint256 iosdOut) internal {
        level = used() + ioIn;
        levelAt = vm.getBlockTimestamp();
        burned += ioIn;
        burnedIn[currentEpoch()] += ioIn;
        iosdMinted += iosdOut;
    }

    // --- the moving average ---

    function emaAfter(uint256 observedAt) internal view returns (uint256) {
        uint256 dt = observedAt - lastObservedAt;
        if (dt > EMA_PERIOD_SEC) dt = EMA_PERIOD_SEC;
        uint256 held = lastPrice > 2 * lastEma + 1e15 ? 2 * lastEma + 1e15 : lastPrice;
        return held >= lastEma
            ? lastEma + ((held - lastEma) * dt) / EMA_PERIOD_SEC
            : lastEma - ((lastEma - held) * dt) / EMA_PERIOD_SEC;
    }

    function notePrice(uint256 price, uint256 confidence, uint256 observedAt, uint256 round) internal {
        lastEma = lastRound == 0 ? price : emaAfter(observedAt);
        (lastPrice, lastConfidence, lastObservedAt, lastRound) = (price, confidence, observedAt, round);
        uint64 epoch = currentEpoch();
        if (price > highestPrice[epoch]) highestPrice[epoch] = price;
    }

    // --- the escrow ---

    function noteFlow(uint8 asset, int256 amount) internal {
        flows.push(Flow(currentEpoch(), asset, amount));
    }

    /// @dev Over the whole history, where the contract keeps a running sum.
    function heldAtEndOf(uint64 epoch, uint8 asset) internal view returns (uint256) {
        int256 sum = -int256(debited[asset]);
        for (uint256 i = 0; i < flows.length; ++i) {
            if (flows[i].epoch <= epoch && flows[i].asset == asset) sum += flows[i].amount;
        }
        return sum > 0 ? uint256(sum) : 0;
    }

    function leftOf(address payer, uint8 asset) internal view returns (uint256) {
        PayerBook storage one = book[payer][asset];
        return one.deposited - one.withdrawn - one.debited;
    }

    /// @dev What holds may still take in this epoch or a later one.
    function openOf(address payer, uint8 asset) internal view returns (uint256 open) {
        uint64 epoch = currentEpoch();
        for (uint256 i = 0; i < holds.length; ++i) {
            Hold storage one = holds[i];
            if (one.payer == payer && one.asset == asset && one.expires >= epoch) open += one.left;
        }
    }

    // --- parameters ---

    function paramsAt(uint64 epoch) internal view returns (uint32 version, EpochParams memory params) {
        for (uint256 i = paramsFrom.length; i > 0; --i) {
            if (paramsFrom[i - 1] <= epoch) return (uint32(i), paramsValues[i - 1]);
        }
    }

    // --- trees ---

    function rewardLeaves(uint256[] memory more) internal view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](PEOPLE);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            leaves[i] = rewardLeaf(people[i], earned[people[i]] + more[i]);
        }
    }

    /// @dev Everybody whose first deposit was made before the end of the last of `epochs`, also with zeros.
    function debitLeaves(uint64 epochs, uint256[] memory moreIosd, uint256[] memory moreIo)
        internal
        view
        returns (bytes32[] memory leaves)
    {
        uint256 count = 0;
        bytes32[] memory all = new bytes32[](PAYERS);
        for (uint256 i = 0; i < PAYERS; ++i) {
            address payer = people[i];
            if (firstEpochPlusOne[payer] == 0 || firstEpochPlusOne[payer] > epochs) continue;
            uint256 iosdSum = book[payer][IOSD_ASSET].debited + moreIosd[i];
            all[count++] = debitLeaf(payer, iosdSum, book[payer][IO_ASSET].debited + moreIo[i]);
        }
        leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            leaves[i] = all[i];
        }
    }

    function rootOf(bytes32[] memory leaves) internal pure returns (bytes32) {
        if (leaves.length == 0) return 0;
        bytes32[] memory row = leaves;
        while (row.length > 1) row = above(row);
        return row[0];
    }

    function proofOf(bytes32[] memory leaves, bytes32 leaf)
        internal
        pure
        returns (bytes32[] memory siblings)
    {
        siblings = new bytes32[](8);
        uint256 length = 0;
        uint256 index = 0;
        while (index < leaves.length && leaves[index] != leaf) ++index;
        require(index < leaves.length, "no such leaf");
        bytes32[] memory row = leaves;
        while (row.length > 1) {
            if (index ^ 1 < row.length) siblings[length++] = row[index ^ 1];
            (row, index) = (above(row), index / 2);
        }
        assembly ("memory-safe") {
            mstore(siblings, length)
        }
    }

    function above(bytes32[] memory row) private pure returns (bytes32[] memory next) {
        next = new bytes32[]((row.length + 1) / 2);
        for (uint256 i = 0; i < next.length; ++i) {
            next[i] = 2 * i + 1 < row.length ? pair(row[2 * i], row[2 * i + 1]) : row[2 * i];
        }
    }

    function none() internal pure returns (uint256[] memory) {
        return new uint256[](PEOPLE);
    }

    // --- calls ---

    function noteUsed(address target, bytes memory data) internal {
        if (usedCalls.length < 48) {
            usedCalls.push(data);
            usedTargets.push(target);
        } else {
            (usedCalls[usedCount % 48], usedTargets[usedCount % 48]) = (data, target);
        }
        ++usedCount;
    }

    /// @dev Sends what must succeed, and remembers it.
    function mustSend(address sender, address target, bytes memory data)
        internal
        returns (bytes memory result)
    {
        bool ok;
        vm.prank(sender);
        (ok, result) = target.call(data);
        if (!ok) bubble(result);
        noteUsed(target, data);
    }

    function mustFail(address sender, address target, bytes memory data, string memory rule) internal {
        vm.prank(sender);
        (bool ok,) = target.call(data);
        require(!ok, rule);
    }

    function bubble(bytes memory why) internal pure {
        assembly ("memory-safe") {
            revert(add(why, 0x20), mload(why))
        }
    }

    function whilePaused(bytes32 what) internal {
        if (vm.getBlockTimestamp() < pausedUntil) did(what);
    }

    function rewardProof(address account) internal view returns (bytes32[] memory) {
        return proofOf(rewardLeaves(none()), rewardLeaf(account, earned[account]));
    }

    /// @dev See Fingerprints.
    function fingerprint() internal view returns (bytes32 state, bytes32 staged) {
        return IFingerprints(address(this)).fingerprints();
    }

    function requireSame(bytes32 before, string memory rule) internal view {
        (bytes32 state,) = fingerprint();
        require(state == before, rule);
    }
}
