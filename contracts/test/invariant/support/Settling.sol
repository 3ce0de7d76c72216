// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochParams} from "../../../src/interfaces/IParameters.sol";
import {EpochReport, ISettlement} from "../../../src/interfaces/ISettlement.sol";
import {Books, PayerBook, Stage, Usage} from "./Books.sol";

/// @notice Reports that follow from the books alone, staged and made active.
abstract contract Settling is Books {
    // --- reports ---

    function canStage() internal view returns (bool) {
        return !isStaged && vm.getBlockTimestamp() >= START + (uint256(nextEpoch) + 1) * EPOCH_SEC;
    }

    function stageNext(uint256 seed) internal {
        Stage memory next = honestReport(seed);
        bytes32 digest = settlement.reportDigest(next.report);
        bytes memory data;
        if (groupSecret == 0 || roll(seed, "by quorum") % 3 == 0) {
            data = abi.encodeCall(ISettlement.settleWithQuorum, (next.report, signedByQuorum(digest, seed)));
            did("settle by quorum");
        } else {
            (address r, uint256 s) = signSchnorr(groupSecret, digest);
            data = abi.encodeCall(ISettlement.settle, (next.report, r, s));
            did("settle by group key");
        }
        mustSend(anybody(seed), address(settlement), data);
        stage = next;
        (isStaged, stagedAt, nextAttempt) = (true, vm.getBlockTimestamp(), uint40(next.report.attempt) + 1);
        if (currentEpoch() > next.report.epoch + 4) did("settle late");
        whilePaused("settle while paused");
    }

    /// @dev Built from the books: that the chain takes it is what is tested.
    function honestReport(uint256 seed) internal view returns (Stage memory next) {
        next.earned = none();
        next.debitIo = none();
        next.debitIosd = none();
        EpochReport memory report = next.report;
        uint64 epoch = nextEpoch;
        report.keyEpoch = settlement.groupKeys().keyEpoch;
        report.epoch = epoch;
        report.attempt = uint32(nextAttempt + (roll(seed, "skip") % 5 == 0 ? 1 : 0));
        report.validUntil = uint40(vm.getBlockTimestamp() + 60);
        (report.paramsVersion,) = paramsAt(epoch);
        report.snapshotBlock = uint64(block.number - 1);
        report.snapshotHash = blockhash(block.number - 1);
        report.previousRewardRoot = rewardRoot;
        report.previousDebitRoot = debitRoot;
        uint256[] memory spentIosd = takeUsage(next, epoch);
        payHires(next, spentIosd, epoch);
        payAvailability(next, seed, epoch);
        report.cumulativeRewards = funded + report.hiredPaid + report.availabilityPaid + report.debitIo;
        report.cumulativeDebitIo = debited[IO_ASSET] + report.debitIo;
        report.cumulativeDebitIosd = debited[IOSD_ASSET] + report.debitIosd;
        report.rewardRoot = rootOf(rewardLeaves(next.earned));
        report.debitRoot = rootOf(debitLeaves(epoch + 1, next.debitIosd, next.debitIo));
        report.bundleHash = keccak256(abi.encode("bundle", epoch, report.attempt));
    }

    /// @dev All usage until the end of the epoch, that of emptied ones included. A payer is debited no more than is left,
    /// and less than was used only if a network that stood still has paid it back.
    function takeUsage(Stage memory next, uint64 epoch) internal view returns (uint256[] memory spentIosd) {
        spentIosd = none();
        for (uint256 i = 0; i < waiting.length; ++i) {
            Usage memory one = waiting[i];
            if (one.epoch > epoch) continue;
            uint256 payer = indexOf(one.payer);
            uint256[] memory debits = one.asset == IO_ASSET ? next.debitIo : next.debitIosd;
            uint256 left = leftOf(one.payer, one.asset) - debits[payer];
            uint256 amount = one.amount;
            if (amount > left) {
                require(book[one.payer][one.asset].wasStale, "invariant 12: a withdrawal outran settlement");
                amount = left;
            }
            debits[payer] += amount;
            uint256 worker = indexOf(one.worker);
            if (one.asset == IO_ASSET) {
                // One payment passes to a worker and the owner of a model.
                uint256 royalty = amount / 10;
                next.earned[worker] += amount - royalty;
                next.earned[PEOPLE - 1] += royalty;
                next.report.debitIo += amount;
            } else {
                spentIosd[worker] += amount;
                next.report.debitIosd += amount;
            }
        }
    }

    /// @dev Invariant 13.
    function payHires(Stage memory next, uint256[] memory spent, uint64 epoch) internal view {
        (, EpochParams memory params) = paramsAt(epoch);
        uint256 price = highestPrice[epoch] == 0 ? lastPrice : highestPrice[epoch];
        if (price == 0) return;
        uint256 asked = 0;
        for (uint256 i = 0; i < PEOPLE; ++i) {
            spent[i] = (spent[i] * (BPS - params.hireTaxBps) * 1e18) / (BPS * price);
            asked += spent[i];
        }
        uint256 hiredMax = hiredMaxOf(epoch, params.hiredBps);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            uint256 amount = asked > hiredMax ? (spent[i] * hiredMax) / asked : spent[i];
            next.earned[i] += amount;
            next.report.hiredPaid += amount;
        }
    }

    function payAvailability(Stage memory next, uint256 seed, uint64 epoch) internal view {
        uint256 rest = poolOf(epoch) - next.report.hiredPaid;
        uint256 amount = roll(seed, "target") % 4 == 0 ? rest : amountOf(roll(seed, "weight"), 0, rest);
        for (uint256 i = PAYERS; i < PEOPLE; ++i) {
            uint256 part = amount / (PEOPLE - PAYERS);
            next.earned[i] += part;
            next.report.availabilityPaid += part;
        }
    }

    /// @dev What a report of the epoch may debit; whether that is still there counts when it becomes active.
    function mostDebit(uint64 epoch, uint8 asset) internal view returns (uint256) {
        (, EpochParams memory params) = paramsAt(epoch);
        return (heldAtEndOf(epoch, asset) * params.maxDebitBps) / BPS;
    }

    function indexOf(address account) internal view returns (uint256 i) {
        while (people[i] != account) ++i;
    }

    // --- activation ---

    function activate(uint256 seed) internal {
        EpochReport memory report = stage.report;
        noteOpened(poolOf(report.epoch));
        mustSend(anybody(seed), address(settlement), abi.encodeCall(ISettlement.activate, (report)));
        uint256 paidNow = report.hiredPaid + report.availabilityPaid;
        (last.hired, last.availability, last.debitIo) =
        (report.hiredPaid, report.availabilityPaid, report.debitIo);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            earned[people[i]] += stage.earned[i];
            book[people[i]][IO_ASSET].debited += stage.debitIo[i];
            book[people[i]][IOSD_ASSET].debited += stage.debitIosd[i];
            last.passedOn += stage.earned[i];
        }
        last.passedOn -= paidNow;
        settleUsage(report.epoch);
        debited[IO_ASSET] += report.debitIo;
        debited[IOSD_ASSET] += report.debitIosd;
        iosdSpent += report.debitIosd;
        funded += paidNow + report.debitIo;
        reserve = reserve - last.released + last.pool - paidNow;
        (rewardRoot, debitRoot) = (report.rewardRoot, report.debitRoot);
        rootEpochs = report.epoch + 1;
        rootActivatedAt = vm.getBlockTimestamp();
        isStaged = false;
        noteMinted(report.epoch);
        did("activate");
        if (report.debitIo != 0) did("debit of IO");
        if (report.debitIosd != 0) did("debit of IOSD");
        whilePaused("activate while paused");
    }

    function noteOpened(uint256 pool) internal {
        delete last;
        (last.pool, last.released, last.reserveBefore) = (pool, released(), reserve);
    }

    function noteMinted(uint64 epoch) internal {
        uint256 netOfEpoch = netOf(epoch);
        scheduled += scheduleOf(epoch);
        net += netOfEpoch;
        nextEpoch = epoch + 1;
        nextAttempt = 0;
        if (netOfEpoch != 0 && netOfEpoch < burnedIn[epoch]) did("net emission at its cap");
        if (netOfEpoch != 0 && netOfEpoch == burnedIn[epoch]) did("net emission of all burns");
        if (GENESIS + scheduled == 22_300_000e18) did("schedule at its end");
    }

    function settleUsage(uint64 epoch) internal {
        uint256 kept = 0;
        for (uint256 i = 0; i < waiting.length; ++i) {
            Usage memory one = waiting[i];
            if (one.epoch > epoch) {
                waiting[kept++] = one;
                continue;
            }
            PayerBook storage payer = book[one.payer][one.asset];
            payer.unsettled -= one.amount;
        }
        while (waiting.length > kept) waiting.pop();
    }
}
