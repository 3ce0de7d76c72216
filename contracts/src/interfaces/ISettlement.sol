// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEpochClock} from "./IEpochClock.sol";
import {IGroupKeyConsumer} from "./IGroupKeyConsumer.sol";
import {Signature} from "./IOracleRegistry.sol";

/// @notice What a quorum of oracle nodes says of one epoch, after each has checked the whole of it. Amounts in wei.
/// @param keyEpoch Of the group key, or of the set of identities, that certified it.
/// @param epoch Number of the epoch.
/// @param attempt Rises when an epoch is certified again; a node signs one report an attempt. After a veto at least one
/// above the vetoed one, so that nobody can bring that one again.
/// @param validUntil Last second, by block time, in which it can be brought.
/// @param paramsVersion Of Parameters, as it held in the epoch.
/// @param snapshotBlock A final block at or after the epoch's end: the history that the epoch was computed from.
/// @param snapshotHash Its hash.
/// @param previousRewardRoot The root that the new one grew from.
/// @param previousDebitRoot Likewise.
/// @param rewardRoot Leaves (account, cumulative).
/// @param debitRoot Leaves (payer, cumulativeIosd, cumulativeIo).
/// @param hiredPaid From the pool, for IOSD hires.
/// @param availabilityPaid From the pool, for proven capacity.
/// @param debitIosd What payers spent in IOSD; burned.
/// @param debitIo What payers spent in IO; passed on to workers, model owners and gateways.
/// @param cumulativeRewards Sum of the leaves of rewardRoot.
/// @param cumulativeDebitIosd Sum of the leaves of debitRoot.
/// @param cumulativeDebitIo Sum of the leaves of debitRoot.
/// @param bundleHash Of everything the epoch was computed from.
/// @param batchesRoot Over the usage batches.
/// @param commitmentsRoot Over the capacity commitments.
struct EpochReport {
    uint32 keyEpoch;
    uint64 epoch;
    uint32 attempt;
    uint40 validUntil;
    uint32 paramsVersion;
    uint64 snapshotBlock;
    bytes32 snapshotHash;
    bytes32 previousRewardRoot;
    bytes32 previousDebitRoot;
    bytes32 rewardRoot;
    bytes32 debitRoot;
    uint256 hiredPaid;
    uint256 availabilityPaid;
    uint256 debitIosd;
    uint256 debitIo;
    uint256 cumulativeRewards;
    uint256 cumulativeDebitIosd;
    uint256 cumulativeDebitIo;
    bytes32 bundleHash;
    bytes32 batchesRoot;
    bytes32 commitmentsRoot;
}

/// @notice Where everything is that a settlement touches.
struct SettlementLinks {
    address registry;
    address io;
    address emission;
    address distributor;
    address escrow;
    address parameters;
}

enum EpochStatus {
    None,
    Staged,
    Active,
    Vetoed
}

/// @notice What an epoch has for its suppliers, in wei.
/// @param scheduled Minted by the curve.
/// @param net Minted again for burns.
/// @param released From the reserve.
/// @param pool Their sum.
struct EpochPool {
    uint256 scheduled;
    uint256 net;
    uint256 released;
    uint256 pool;
}

/// @title Turns a certified epoch into mints, debits and rewards
/// @notice Epochs are settled strictly in order: none → staged → active | vetoed → staged …. `settle` stages a certified
/// epoch after every check; after `disputeSec` anybody activates it. With a disputeSec of zero both happen in one
/// transaction, and nothing can be vetoed.
///
/// | from           | call             | who          | to                                                  |
/// | -------------- | ---------------- | ------------ | --------------------------------------------------- |
/// | none, vetoed   | settle…          | anybody      | staged; with disputeSec = 0 active                  |
/// | none, vetoed   | settleEmpty      | anybody, q   | active                                              |
/// | staged         | veto             | anybody, f+1 | vetoed                                              |
/// | staged         | activate         | anybody      | active, from activatesAt on                         |
///
/// So a report under a stolen group key, or one that is wrong, can be stopped by f + 1 members, of whom one is honest; and
/// an epoch that cannot be computed or agreed on stops nobody: q members settle it empty, its pool goes to the reserve,
/// and what was used in it may be in the report of the next one.
///
/// A certificate says who earned what, never how much there is: what is minted comes from Emission, and what is
/// released from the reserve here. Per epoch, to the wei,
///   pool + debitIo = hiredPaid + availabilityPaid + debitIo (passed on) + (reserve after − reserve before + released).
/// A certificate is over the EIP-712 digest of the report in the registry's domain, by the group key or by a quorum of
/// identities. Gas does not depend on how many accounts an epoch has.
interface ISettlement is IGroupKeyConsumer, IEpochClock {
    error Unauthorized(address caller, address required);
    /// @notice At deployment: disputed for longer than three quarters of their length, epochs could not catch up.
    error DisputeTooLong(uint256 given, uint256 maximum);
    error EpochOutOfOrder(uint64 given, uint64 required);
    error AlreadyStaged(uint64 epoch);
    /// @notice The attempt has been vetoed, or one after it.
    error WrongAttempt(uint256 given, uint256 minimum);
    /// @notice So far ahead that one could use up all attempts of an epoch.
    error AttemptTooHigh(uint256 given, uint256 maximum);
    error EpochNotEnded(uint256 time, uint256 end);
    error ReportExpired(uint256 time, uint256 validUntil);
    /// @notice Of neither the newest key, nor of the one before it while that still counts.
    error WrongKeyEpoch(uint32 given, uint32 required);
    error WrongParamsVersion(uint32 given, uint32 required);
    error SnapshotInFuture(uint256 given, uint256 currentBlock);
    /// @notice The snapshot is not on this chain. Blocks older than 256 cannot be compared.
    error WrongSnapshotHash(bytes32 given, bytes32 required);
    error WrongPreviousRewardRoot(bytes32 given, bytes32 required);
    error WrongPreviousDebitRoot(bytes32 given, bytes32 required);
    error HiredAboveMaximum(uint256 given, uint256 maximum);
    error AvailabilityAboveMaximum(uint256 given, uint256 maximum);
    /// @notice More than maxDebitBps of what the escrow held at the epoch's end. More than it holds now the escrow refuses.
    error DebitAboveMaximum(uint8 asset, uint256 given, uint256 maximum);
    error WrongCumulativeRewards(uint256 given, uint256 required);
    error WrongCumulativeDebitIosd(uint256 given, uint256 required);
    error WrongCumulativeDebitIo(uint256 given, uint256 required);
    error InvalidCertificate(uint256 px);

    error NothingStaged();
    error NotTheStagedReport(bytes32 given, bytes32 required);
    error StillDisputable(uint256 time, uint256 activatesAt);

    event EpochStaged(uint64 indexed epoch, uint32 indexed attempt, uint256 activatesAt, EpochReport report);
    /// @notice The staged report is void. The epoch is settled again, with a higher attempt.
    event EpochVetoed(uint64 indexed epoch, uint32 indexed attempt);
    /// @notice The epoch is settled without a report, before the three events of its activation.
    event EpochEmptied(uint64 indexed epoch);
    /// @notice The epoch is active: its roots can be claimed from. After EpochEmptied they are those of before.
    /// @param added What rewardRoot adds: hiredPaid + availabilityPaid + debitIo.
    /// @param bundleHash Zero for an epoch that was settled empty.
    event RewardsPosted(
        uint64 indexed epoch,
        bytes32 rewardRoot,
        bytes32 debitRoot,
        uint256 added,
        uint256 released,
        uint256 reserve,
        bytes32 bundleHash
    );

    /// @notice How long a stage can be looked at before it may become active; at most three quarters of an epoch.
    function disputeSec() external view returns (uint256);

    function links() external view returns (SettlementLinks memory);

    /// @notice The epoch that is settled next; all before it are active.
    function nextEpoch() external view returns (uint64);

    /// @notice IO that was minted and not paid yet, in wei; this contract holds it.
    function reserve() external view returns (uint256);

    /// @notice Whether an epoch is staged, which, and by which report.
    /// @param reportHash EIP-712 struct hash of the report, without the domain.
    function staged() external view returns (bool isStaged, uint64 epoch, uint32 attempt, bytes32 reportHash);

    /// @notice The lowest attempt that is taken of the next epoch; one above the staged one while one is staged.
    function nextAttempt() external view returns (uint40);

    /// @notice When the staged epoch may become active, Unix seconds.
    function activatesAt() external view returns (uint256);

    function statusOf(uint64 epoch) external view returns (EpochStatus);

    /// @notice The pool of the next epoch. It may grow until that epoch has ended.
    function nextPool() external view returns (EpochPool memory);

    /// @notice What is signed.
    function reportDigest(EpochReport calldata report) external view returns (bytes32);

    /// @notice What is signed against the staged report: Veto(uint64 epoch,uint32 attempt,bytes32 reportHash).
    function vetoDigest() external view returns (bytes32);

    /// @notice What is signed to settle an epoch empty: EmptyEpoch(uint32 keyEpoch,uint64 epoch), of the newest key epoch.
    function emptyEpochDigest(uint64 epoch) external view returns (bytes32);

    /// @notice Stages an epoch with a certificate by the group key. Anybody may send it.
    function settle(EpochReport calldata report, address r, uint256 s) external;

    /// @notice Stages an epoch with the signatures of a quorum of the members of the report's key epoch, ascending by
    /// address (IOracleRegistry.verifyQuorumOf).
    function settleWithQuorum(EpochReport calldata report, Signature[] calldata signatures) external;

    /// @notice Makes the staged epoch active once disputeSec have passed. Anybody may send it.
    /// @param report The staged one, as in the event EpochStaged.
    function activate(EpochReport calldata report) external;

    /// @notice Makes the staged report void, until it has become active, also after disputeSec. Anybody may send it; at
    /// least f + 1 of the active members in force must have signed vetoDigest, ascending by address
    /// (IOracleRegistry.verifyOneHonest). Balances, roots and supply stay as they are.
    function veto(uint64 epoch, Signature[] calldata signatures) external;

    /// @notice Settles the next epoch without a report, once it has ended and while nothing is staged: its emission is
    /// minted, all of its pool goes to the reserve, and roots and debits stay. Anybody may send it; a quorum of the active
    /// members in force must have signed emptyEpochDigest, ascending by address (IOracleRegistry.verifyQuorum).
    /// @dev WARNING: the next report may hold what was used in an emptied epoch, but not by holds that have expired.
    function settleEmpty(uint64 epoch, Signature[] calldata signatures) external;
}
