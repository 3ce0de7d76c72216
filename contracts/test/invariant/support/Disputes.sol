// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochParams} from "../../../src/interfaces/IParameters.sol";
import {EpochReport, EpochStatus, ISettlement} from "../../../src/interfaces/ISettlement.sol";
import {Settling} from "./Settling.sol";

/// @notice Who vetoes, and a thief with the group key.
contract Disputes is Settling {
    // --- vetoes ---

    function vetoStaged(uint256 seed) external {
        if (!isStaged) return;
        veto(seed);
        did("veto");
    }

    /// @dev Invariant 20: after stage and veto everything is as it was, to the last balance.
    function stageAndVeto(uint256 seed) external {
        if (!canStage()) return;
        (bytes32 before,) = fingerprint();
        stageNext(seed);
        requireSame(before, "invariant 20: a stage changed something");
        if (seed % 2 == 0) pass(DISPUTE_SEC + 1);
        uint256 burnable = burner.burnable();
        veto(seed);
        require(burner.burnable() == burnable, "invariant 20: a veto changed the bucket");
        if (seed % 2 != 0) requireSame(before, "invariant 20: a veto changed something");
        did("stage and veto");
    }

    function veto(uint256 seed) private {
        (bytes32 before,) = fingerprint();
        bytes memory data =
            abi.encodeCall(ISettlement.veto, (nextEpoch, signedByOneHonest(settlement.vetoDigest(), seed)));
        mustSend(anybody(seed), address(settlement), data);
        requireSame(before, "invariant 20: a veto changed something");
        require(settlement.statusOf(nextEpoch) == EpochStatus.Vetoed, "invariant 20: vetoed, and not void");
        noteUsed(address(settlement), abi.encodeCall(ISettlement.activate, (stage.report)));
        isStaged = false;
    }

    // --- a stolen group key ---

    /// @dev Whatever it signs is refused, or within the bounds and stopped by a veto.
    function thief(uint256 seed) external {
        if (!canStage() || groupSecret == 0) return;
        EpochReport memory report = honestReport(seed).report;
        uint256 pool = poolOf(report.epoch);
        (, EpochParams memory params) = paramsAt(report.epoch);
        uint256 hiredMax = hiredMaxOf(report.epoch, params.hiredBps);
        report.hiredPaid = bound(roll(seed, "hired"), 0, hiredMax + hiredMax / 4);
        report.availabilityPaid = amountOf(roll(seed, "available"), 0, pool);
        report.debitIo = amountOf(roll(seed, "io"), 0, 2 * heldAtEndOf(report.epoch, IO_ASSET) + 1);
        report.debitIosd = amountOf(roll(seed, "iosd"), 0, 2 * heldAtEndOf(report.epoch, IOSD_ASSET) + 1);
        report.cumulativeRewards = funded + report.hiredPaid + report.availabilityPaid + report.debitIo;
        report.cumulativeDebitIo = debited[IO_ASSET] + report.debitIo;
        report.cumulativeDebitIosd = debited[IOSD_ASSET] + report.debitIosd;
        report.rewardRoot = keccak256(abi.encode("all mine", seed));
        bool allowed = report.hiredPaid <= hiredMax && report.hiredPaid + report.availabilityPaid <= pool;
        allowed = allowed && report.debitIo <= mostDebit(report.epoch, IO_ASSET);
        allowed = allowed && report.debitIosd <= mostDebit(report.epoch, IOSD_ASSET);

        (address r, uint256 s) = signSchnorr(groupSecret, settlement.reportDigest(report));
        bytes memory data = abi.encodeCall(ISettlement.settle, (report, r, s));
        (bytes32 before,) = fingerprint();
        if (!allowed) {
            mustFail(hostiles[0], address(settlement), data, "invariant 13: a certificate above its bounds");
            did("theft refused");
            return;
        }
        mustSend(hostiles[0], address(settlement), data);
        nextAttempt = uint40(report.attempt) + 1;
        (isStaged, stagedAt) = (true, vm.getBlockTimestamp());
        stage.report = report;
        if (report.debitIo > escrow.held(IO_ASSET) || report.debitIosd > escrow.held(IOSD_ASSET)) {
            // More than a network that stood still has left: only a veto moves it.
            pass(DISPUTE_SEC);
            data = abi.encodeCall(ISettlement.activate, (report));
            mustFail(hostiles[0], address(settlement), data, "invariant 11: debits of what is not held");
            veto(seed);
            did("theft of what is not held");
            return;
        }
        veto(seed);
        requireSame(before, "invariant 20: a theft that was vetoed left something");
        did("theft vetoed");
    }
}
