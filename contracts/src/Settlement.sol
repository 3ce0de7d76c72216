// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochClock} from "./EpochClock.sol";
import {IEmission, EpochEmission} from "./interfaces/IEmission.sol";
import {EpochTiming} from "./interfaces/IEpochClock.sol";
import {Debits, IEscrow} from "./interfaces/IEscrow.sol";
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

    uint256 private constant BPS = 10_000;
    uint8 private constant IO_ASSET = 1;
    uint8 private constant IOSD_ASSET = 2;

    uint256 public immutable disputeSec;

    address private immutable _registry;
    address private immutable _io;
    address private immutable _emission;
    address private immutable _distributor;
    address private immutable _escrow;
    address private immutable _parameters;

    //  One slot:
    //
    //      255   176 175             136 135           96 95         32 31       0
    //     ┌─────────┬──────────────────┬────────────────┬─────────────┬──────────┐
    //     │ unused  │ previousUntil 40 │ activatesAt 40 │nextEpoch 64 │ keyEpoch │
    //     └─────────┴──────────────────┴────────────────┴─────────────┴──────────┘
    uint32 private _keyEpoch;
    uint64 public nextEpoch;
    uint40 private _activatesAt;
    uint40 private _previousUntil;

    uint256 private _groupKeyX;
    uint256 private _previousKeyX;
    /// @dev The struct hash of the staged report; zero when none is.
    bytes32 private _stage;
    uint256 public reserve;

    constructor(SettlementLinks memory links_, EpochTiming memory timing, uint40 disputeSec_) EpochClock(timing) {
        _registry = links_.registry;
        _io = links_.io;
        _emission = links_.emission;
        _distributor = links_.distributor;
        _escrow = links_.escrow;
        _parameters = links_.parameters;
        disputeSec = disputeSec_;
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
        require(_stage != 0, NothingStaged());
        bytes32 structHash = _structHash(report);
        require(structHash == _stage, NotTheStagedReport(structHash, _stage));
        require(block.timestamp >= _activatesAt, StillDisputable(block.timestamp, _activatesAt));
        _activate(report);
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

    function staged() external view returns (bool isStaged, uint64 epoch) {
        return _stage == 0 ? (false, 0) : (true, nextEpoch);
    }

    function activatesAt() external view returns (uint256) {
        require(_stage != 0, NothingStaged());
        return _activatesAt;
    }

    function statusOf(uint64 epoch) external view returns (EpochStatus) {
        if (epoch < nextEpoch) return EpochStatus.Active;
        return epoch == nextEpoch && _stage != 0 ? EpochStatus.Staged : EpochStatus.None;
    }

    function nextPool() public view returns (EpochPool memory) {
        EpochEmission memory emission = IEmission(_emission).emissionOf(nextEpoch);
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

    /// @dev Everything before the signature. What passes here can be activated at any later time: nothing that it
    /// depends on changes while it is staged.
    function _checkReport(EpochReport calldata report) private view {
        // Invariant 6.
        require(report.epoch == nextEpoch, EpochOutOfOrder(report.epoch, nextEpoch));
        require(_stage == 0, AlreadyStaged(report.epoch));
        require(block.timestamp >= _endOf(report.epoch), EpochNotEnded(block.timestamp, _endOf(report.epoch)));
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
        uint256 pool = nextPool().pool;
        uint256 hiredMax = pool * hiredBps / BPS;
        require(report.hiredPaid <= hiredMax, HiredAboveMaximum(report.hiredPaid, hiredMax));
        uint256 rest = pool - report.hiredPaid;
        require(report.availabilityPaid <= rest, AvailabilityAboveMaximum(report.availabilityPaid, rest));
    }

    function _checkDebits(EpochReport calldata report, uint256 maxDebitBps) private view {
        Debits memory debits = IEscrow(_escrow).debits();
        require(
            report.previousDebitRoot == debits.root, WrongPreviousDebitRoot(report.previousDebitRoot, debits.root)
        );
        uint256 maximum = IEscrow(_escrow).held(IOSD_ASSET) * maxDebitBps / BPS;
        require(report.debitIosd <= maximum, DebitAboveMaximum(IOSD_ASSET, report.debitIosd, maximum));
        maximum = IEscrow(_escrow).held(IO_ASSET) * maxDebitBps / BPS;
        require(report.debitIo <= maximum, DebitAboveMaximum(IO_ASSET, report.debitIo, maximum));
        uint256 required = debits.iosd + report.debitIosd;
        require(
            report.cumulativeDebitIosd == required, WrongCumulativeDebitIosd(report.cumulativeDebitIosd, required)
        );
        required = debits.io + report.debitIo;
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
        }
    }

    /// @dev Invariant 5: what is minted and released is paid or reserved; what payers spent in IO passes through.
    function _activate(EpochReport calldata report) private {
        uint256 released = _release();
        uint256 paid = report.hiredPaid + report.availabilityPaid;
        uint256 added = _addedBy(report);
        _stage = 0;
        nextEpoch = report.epoch + 1;

        (uint256 scheduled, uint256 net) = IEmission(_emission).mintEpoch(report.epoch);
        // The pool holds all that is released, so reserve − released + (pool − paid) is this.
        uint256 reserved = reserve + scheduled + net - paid;
        reserve = reserved;
        emit RewardsPosted(
            report.epoch, report.rewardRoot, report.debitRoot, added, released, reserved, report.bundleHash
        );

        IEscrow(_escrow).debit(report.epoch, report.debitRoot, report.debitIosd, report.debitIo);
        IIO(_io).transfer(_distributor, paid);
        IRewardsDistributor(_distributor).fund(report.epoch, report.rewardRoot, added);
    }

    function _release() private view returns (uint256) {
        return EmissionCurve.released(reserve, epochLengthSec);
    }

    function _addedBy(EpochReport calldata report) private pure returns (uint256) {
        return report.hiredPaid + report.availabilityPaid + report.debitIo;
    }

    function _structHash(EpochReport calldata report) private pure returns (bytes32) {
        return keccak256(abi.encode(EPOCH_REPORT_TYPEHASH, report));
    }

    function _digest(bytes32 structHash) private view returns (bytes32) {
        return OracleDomain.digest(OracleDomain.separator(_registry), structHash);
    }
}
