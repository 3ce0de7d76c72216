// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochClock} from "./EpochClock.sol";
import {IEmission, EpochEmission} from "./interfaces/IEmission.sol";
import {EpochTiming} from "./interfaces/IEpochClock.sol";
import {IEscrow, Opening} from "./interfaces/IEscrow.sol";
import {GroupKeys} from "./interfaces/IGroupKeyConsumer.sol";
import {IIO} from "./interfaces/IIO.sol";
import {IOracleRegistry, Signature} from "./interfaces/IOracleRegistry.sol";
import {EpochParams, IParameters} from "./interfaces/IParameters.sol";
import {IRewardsDistributor} from "./interfaces/IRewardsDistributor.sol";
import {EpochPool, EpochReport, EpochStatus, ISettlement, SettlementLinks} from "./interfaces/ISettlement.sol";
import {EmissionCurve} from "./libraries/EmissionCurve.sol";
import {OracleDomain} from "./libraries/OracleDomain.sol";
import {Schnorr} from "./libraries/Schnorr.sol";

/// @notice Documented in ISettlement.
contract Settlement is ISettlement, EpochClock {
    bytes32 private constant EPOCH_REPORT_TYPEHASH = keccak256(
        "EpochReport(uint32 keyEpoch,uint64 epoch,uint32 attempt,uint40 validUntil,uint32 paramsVersion,uint64 snapshotBlock,bytes32 snapshotHash,bytes32 previousRewardRoot,bytes32 previousDebitRoot,bytes32 rewardRoot,bytes32 debitRoot,uint256 hiredPaid,uint256 availabilityPaid,uint256 debitIosd,uint256 debitIo,uint256 cumulativeRewards,uint256 cumulativeDebitIosd,uint256 cumulativeDebitIo,bytes32 bundleHash,bytes32 batchesRoot,bytes32 commitmentsRoot)"
    );

    bytes32 private constant VETO_TYPEHASH = keccak256("Veto(uint64 epoch,uint32 attempt,bytes32 reportHash)");
    bytes32 private constant EMPTY_EPOCH_TYPEHASH = keccak256("EmptyEpoch(uint32 keyEpoch,uint64 epoch)");

    uint256 private constant REPORT_BYTES = 21 * 32;
    uint256 private constant BPS = 10_000;
    /// @dev Of an epoch's length. What is left is for catching up.
    uint256 private constant MAX_DISPUTE_BPS = 7500;
    /// @dev More than certificates of one epoch ever expire. With a stolen key all attempts could be used up at once.
    uint256 private constant MAX_SKIPPED_ATTEMPTS = 1000;
    uint8 private constant IO_ASSET = 1;
    uint8 private constant IOSD_ASSET = 2;

    uint256 public immutable disputeSec;

    address private immutable _registry;
    address private immutable _io;
    address private immutable _emission;
    address private immutable _distributor;
    address private immutable _escrow;
    address private immutable _parameters;

    uint256 private immutable _deploymentChainId;
    bytes32 private immutable _deploymentDomain;

    //  One slot, which all that settles reads and writes:
    //
    //      255        160 159            120 119            80 79          32 31       0
    //     ┌──────────────┬────────────────┬──────────────────┬─────────────┬──────────┐
    //     │  reserve 96  │ nextAttempt 40 │  activatesAt 40  │nextEpoch 48 │ keyEpoch │
    //     └──────────────┴────────────────┴──────────────────┴─────────────┴──────────┘
    //
    // Block time has 40 bits, so an epoch has fewer than 48. The maximum supply of IO has 85.
    uint32 private _keyEpoch;
    uint48 private _nextEpoch;
    /// @dev Zero when nothing is staged.
    uint40 private _activatesAt;
    /// @dev One above the staged report's attempt, or the vetoed one's. Wider than an attempt, so that every one has one.
    uint40 public nextAttempt;
    uint96 private _reserve;

    /// @dev The struct hash of the report that was staged last. Not cleared: the next one would pay to fill it again.
    bytes32 private _stage;

    uint256 private _groupKeyX;
    // Read only for a report of the key epoch before.
    uint256 private _previousKeyX;
    uint40 private _previousUntil;

    constructor(SettlementLinks memory links_, EpochTiming memory timing, uint40 disputeSec_) EpochClock(timing) {
        // Epochs become active one after another: disputed for longer than they last, they would fall behind for ever.
        uint256 maximum = timing.lengthSec * MAX_DISPUTE_BPS / BPS;
        require(disputeSec_ <= maximum, DisputeTooLong(disputeSec_, maximum));
        _registry = links_.registry;
        _io = links_.io;
        _emission = links_.emission;
        _distributor = links_.distributor;
        _escrow = links_.escrow;
        _parameters = links_.parameters;
        disputeSec = disputeSec_;
        _deploymentChainId = block.chainid;
        _deploymentDomain = OracleDomain.separator(links_.registry);
    }

    function setGroupKey(uint32 keyEpoch, uint256 px, uint40 previousUntil) external {
        require(msg.sender == _registry, Unauthorized(msg.sender, _registry));
        _previousKeyX = _groupKeyX;
        _groupKeyX = px;
        _keyEpoch = keyEpoch;
        _previousUntil = previousUntil;
        emit GroupKeySet(keyEpoch, px, previousUntil);
    }

    function settle(EpochReport calldata report, address r, uint256 s) external {
        _checkReport(report);
        bytes32 structHash = _structHash(report);
        uint256 px = report.keyEpoch == _keyEpoch ? _groupKeyX : _previousKeyX;
        require(Schnorr.verify(px, _digest(structHash), r, s), InvalidCertificate(px));
        _stageReport(report, structHash);
    }

    function settleWithQuorum(EpochReport calldata report, Signature[] calldata signatures) external {
        _checkReport(report);
        bytes32 structHash = _structHash(report);
        IOracleRegistry(_registry).verifyQuorumOf(_digest(structHash), signatures, report.keyEpoch);
        _stageReport(report, structHash);
    }

    function activate(EpochReport calldata report) external {
        _requireStaged();
        bytes32 structHash = _structHash(report);
        require(structHash == _stage, NotTheStagedReport(structHash, _stage));
        require(block.timestamp >= _activatesAt, StillDisputable(block.timestamp, _activatesAt));
        _activate(report);
    }

    function veto(uint64 epoch, Signature[] calldata signatures) external {
        require(epoch == _nextEpoch, EpochOutOfOrder(epoch, _nextEpoch));
        IOracleRegistry(_registry).verifyOneHonest(vetoDigest(), signatures);
        // Invariant 20: nothing else was written when it was staged.
        _activatesAt = 0;
        emit EpochVetoed(epoch, uint32(nextAttempt - 1));
    }

    function settleEmpty(uint64 epoch, Signature[] calldata signatures) external {
        _checkTurn(epoch);
        IOracleRegistry(_registry).verifyQuorum(emptyEpochDigest(epoch), signatures);
        emit EpochEmptied(epoch);
        (uint256 released, uint256 reserved) = _mint(epoch, 0);
        bytes32 rewardRoot = IRewardsDistributor(_distributor).root();
        bytes32 debitRoot = IEscrow(_escrow).debits().root;
        emit RewardsPosted(epoch, rewardRoot, debitRoot, 0, released, reserved, 0);
        IEscrow(_escrow).skip(epoch);
    }

    function links() external view returns (SettlementLinks memory) {
        return SettlementLinks({
            registry: _registry,
            io: _io,
            emission: _emission,
            distributor: _distributor,
            escrow: _escrow,
            parameters: _parameters
        });
    }

    function groupKeys() external view returns (GroupKeys memory) {
        return GroupKeys(_keyEpoch, _groupKeyX, _previousKeyX, _previousUntil);
    }

    function nextEpoch() external view returns (uint64) {
        return _nextEpoch;
    }

    function reserve() external view returns (uint256) {
        return _reserve;
    }

    function staged() external view returns (bool isStaged, uint64 epoch, uint32 attempt, bytes32 reportHash) {
        if (_activatesAt != 0) return (true, _nextEpoch, uint32(nextAttempt - 1), _stage);
    }

    function activatesAt() external view returns (uint256) {
        _requireStaged();
        return _activatesAt;
    }

    function statusOf(uint64 epoch) external view returns (EpochStatus) {
        if (epoch < _nextEpoch) return EpochStatus.Active;
        if (epoch > _nextEpoch || nextAttempt == 0) return EpochStatus.None;
        return _activatesAt == 0 ? EpochStatus.Vetoed : EpochStatus.Staged;
    }

    function nextPool() public view returns (EpochPool memory) {
        EpochEmission memory emission = IEmission(_emission).emissionOf(_nextEpoch);
        uint256 released = _release();
        return EpochPool({
            scheduled: emission.scheduled,
            net: emission.net,
            released: released,
            pool: emission.scheduled + emission.net + released
        });
    }

    function reportDigest(EpochReport calldata report) external view returns (bytes32) {
        return _digest(_structHash(report));
    }

    function vetoDigest() public view returns (bytes32) {
        _requireStaged();
        return _digest(keccak256(abi.encode(VETO_TYPEHASH, _nextEpoch, nextAttempt - 1, _stage)));
    }

    function emptyEpochDigest(uint64 epoch) public view returns (bytes32) {
        return _digest(keccak256(abi.encode(EMPTY_EPOCH_TYPEHASH, _keyEpoch, epoch)));
    }

    function _requireStaged() private view {
        require(_activatesAt != 0, NothingStaged());
    }

    /// @dev Whether an epoch can be settled now, in whichever way. Invariant 6.
    function _checkTurn(uint64 epoch) private view {
        require(epoch == _nextEpoch, EpochOutOfOrder(epoch, _nextEpoch));
        require(_activatesAt == 0, AlreadyStaged(epoch));
        require(block.timestamp >= _endOf(epoch), EpochNotEnded(block.timestamp, _endOf(epoch)));
    }

    /// @dev Everything before the signature. What passes here can be activated at any later time: nothing that it
    /// depends on changes while it is staged. Only that the escrow still holds what is debited is checked then: of a right
    /// report it does (invariant 12), and any other can be vetoed.
    function _checkReport(EpochReport calldata report) private view {
        _checkTurn(report.epoch);
        uint256 minimum = nextAttempt;
        require(report.attempt >= minimum, WrongAttempt(report.attempt, minimum));
        uint256 maximum = minimum + MAX_SKIPPED_ATTEMPTS;
        require(report.attempt <= maximum, AttemptTooHigh(report.attempt, maximum));
        require(block.timestamp <= report.validUntil, ReportExpired(block.timestamp, report.validUntil));
        require(_isKeyEpochInUse(report.keyEpoch), WrongKeyEpoch(report.keyEpoch, _keyEpoch));
        (uint32 version, EpochParams memory params) = IParameters(_parameters).paramsAt(report.epoch);
        require(report.paramsVersion == version, WrongParamsVersion(report.paramsVersion, version));

        _checkSnapshot(report);
        _checkPool(report, params.hiredBps);
        _checkDebits(report, params.maxDebitBps);
        _checkRewards(report);
    }

    /// @dev The newest, and until its time is over the one before it.
    function _isKeyEpochInUse(uint256 keyEpoch) private view returns (bool) {
        return keyEpoch == _keyEpoch || (keyEpoch + 1 == _keyEpoch && block.timestamp < _previousUntil);
    }

    function _checkSnapshot(EpochReport calldata report) private view {
        require(report.snapshotBlock < block.number, SnapshotInFuture(report.snapshotBlock, block.number));
        bytes32 hash = blockhash(report.snapshotBlock);
        require(hash == 0 || report.snapshotHash == hash, WrongSnapshotHash(report.snapshotHash, hash));
    }

    function _checkPool(EpochReport calldata report, uint256 hiredBps) private view {
        EpochPool memory pool = nextPool();
        // All of the net emission may go to hires: kept from them, it would pay for washing.
        uint256 hiredMax = (pool.pool - pool.net) * hiredBps / BPS + pool.net;
        require(report.hiredPaid <= hiredMax, HiredAboveMaximum(report.hiredPaid, hiredMax));
        uint256 rest = pool.pool - report.hiredPaid;
        require(report.availabilityPaid <= rest, AvailabilityAboveMaximum(report.availabilityPaid, rest));
    }

    /// @dev Bounded by what was held when the epoch ended. By what is held now, whoever withdraws after the end could make
    /// a right report too large, and a late settlement would be another one (invariant 7).
    function _checkDebits(EpochReport calldata report, uint256 maxDebitBps) private view {
        Opening memory opening = IEscrow(_escrow).openingOf(report.epoch);
        require(
            report.previousDebitRoot == opening.root, WrongPreviousDebitRoot(report.previousDebitRoot, opening.root)
        );
        uint256 maximum = opening.heldIosdAtEnd * maxDebitBps / BPS;
        require(report.debitIosd <= maximum, DebitAboveMaximum(IOSD_ASSET, report.debitIosd, maximum));
        maximum = opening.heldIoAtEnd * maxDebitBps / BPS;
        require(report.debitIo <= maximum, DebitAboveMaximum(IO_ASSET, report.debitIo, maximum));
        uint256 required = opening.debitedIosd + report.debitIosd;
        require(
            report.cumulativeDebitIosd == required, WrongCumulativeDebitIosd(report.cumulativeDebitIosd, required)
        );
        required = opening.debitedIo + report.debitIo;
        require(report.cumulativeDebitIo == required, WrongCumulativeDebitIo(report.cumulativeDebitIo, required));
    }

    function _checkRewards(EpochReport calldata report) private view {
        bytes32 root = IRewardsDistributor(_distributor).root();
        require(report.previousRewardRoot == root, WrongPreviousRewardRoot(report.previousRewardRoot, root));
        uint256 required = IRewardsDistributor(_distributor).funded() + _addedBy(report);
        require(report.cumulativeRewards == required, WrongCumulativeRewards(report.cumulativeRewards, required));
    }

    function _stageReport(EpochReport calldata report, bytes32 structHash) private {
        uint256 time = block.timestamp + disputeSec;
        emit EpochStaged(report.epoch, report.attempt, time, report);
        if (disputeSec == 0) {
            _activate(report);
        } else {
            _stage = structHash;
            _activatesAt = uint40(time);
            nextAttempt = uint40(report.attempt) + 1;
        }
    }

    function _activate(EpochReport calldata report) private {
        uint256 paid = report.hiredPaid + report.availabilityPaid;
        uint256 added = _addedBy(report);
        (uint256 released, uint256 reserved) = _mint(report.epoch, paid);
        emit RewardsPosted(
            report.epoch, report.rewardRoot, report.debitRoot, added, released, reserved, report.bundleHash
        );

        IEscrow(_escrow).debit(report.epoch, report.debitRoot, report.debitIosd, report.debitIo);
        IIO(_io).transfer(_distributor, paid);
        IRewardsDistributor(_distributor).fund(report.epoch, report.rewardRoot, added);
    }

    /// @dev Invariant 5: what is minted and released is paid or reserved; what payers spent in IO passes through.
    function _mint(uint64 epoch, uint256 paid) private returns (uint256 released, uint256 reserved) {
        released = _release();
        _activatesAt = 0;
        nextAttempt = 0;
        _nextEpoch = uint48(epoch + 1);
        (uint256 scheduled, uint256 net) = IEmission(_emission).mintEpoch(epoch);
        // The pool holds all that is released, so reserve − released + (pool − paid) is this. All of it is IO held here.
        reserved = _reserve + scheduled + net - paid;
        _reserve = uint96(reserved);
    }

    function _release() private view returns (uint256) {
        return EmissionCurve.released(_reserve, epochLengthSec);
    }

    function _addedBy(EpochReport calldata report) private pure returns (uint256) {
        return report.hiredPaid + report.availabilityPaid + report.debitIo;
    }

    /// @dev keccak256(abi.encode(EPOCH_REPORT_TYPEHASH, report)). A report in calldata is encoded as it is hashed, a word a
    /// field. Higher bits than a field has make another hash, and are refused where the field is read before it is staged.
    function _structHash(EpochReport calldata report) private pure returns (bytes32 structHash) {
        bytes32 typeHash = EPOCH_REPORT_TYPEHASH;
        assembly ("memory-safe") {
            let pointer := mload(0x40)
            mstore(pointer, typeHash)
            calldatacopy(add(pointer, 0x20), report, REPORT_BYTES)
            structHash := keccak256(pointer, add(0x20, REPORT_BYTES))
        }
    }

    /// @dev In the domain of the deployment, unless the chain has forked since.
    function _digest(bytes32 structHash) private view returns (bytes32) {
        bool isDeploymentChain = block.chainid == _deploymentChainId;
        return OracleDomain.digest(
            isDeploymentChain ? _deploymentDomain : OracleDomain.separator(_registry), structHash
        );
    }
}
