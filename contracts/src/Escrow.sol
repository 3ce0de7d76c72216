// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {EpochClock} from "./EpochClock.sol";
import {EpochTiming} from "./interfaces/IEpochClock.sol";
import {Debits, IEscrow, Opening, PayerAccount, Spender} from "./interfaces/IEscrow.sol";
import {IIOSD} from "./interfaces/IIOSD.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {CumulativeLeaf} from "./libraries/CumulativeLeaf.sol";

/// @notice Documented in IEscrow.
contract Escrow is IEscrow, EpochClock {
    using SafeCast for int256;
    using SafeCast for uint256;

    /// @dev Both assets in one slot: iosd in the high half.
    struct Flow {
        int128 io;
        int128 iosd;
    }

    uint8 public constant IO_ASSET = 1;
    uint8 public constant IOSD_ASSET = 2;
    uint256 public constant STALE_SEC = 30 days;

    uint256 private constant MIN_IO = 0.1e18;
    uint256 private constant MIN_IOSD = 1e18;

    address public immutable io;
    address public immutable iosd;
    address public immutable settlement;
    address public immutable distributor;
    uint64 public immutable longestHoldEpochs;

    //  Three slots. Amounts have 128 bits, as no payer's deposits have more:
    //
    //      255       168 167          128 127          64 63            0
    //     ┌─────────────────────────────────────────────────────────────┐
    //     │                            root 256                         │
    //     ├──────────────────────────────┬──────────────────────────────┤
    //     │            io 128            │           iosd 128           │
    //     ├──────────────┬───────────────┼───────────────┬──────────────┤
    //     │    unused    │ activatedAt 40│ rootEpochs 64 │settledEpochs │
    //     └──────────────┴───────────────┴───────────────┴──────────────┘
    Debits private _debits;
    /// @dev Σ (deposited − withdrawn) of all epochs. What is held is this less all debits, which so need no slot more.
    Flow private _net;
    /// @dev The same of the settled epochs alone.
    Flow private _settledNet;
    mapping(uint64 epoch => Flow) private _flows;

    mapping(address payer => uint64) private _firstDepositEpochPlusOne;
    mapping(address payer => mapping(uint8 asset => PayerAccount)) private _accounts;
    /// @dev The newest one, and the one that holds until then.
    mapping(address payer => Spender[2]) private _spenders;

    constructor(
        address io_,
        address iosd_,
        address settlement_,
        address distributor_,
        uint64 longestHoldEpochs_,
        EpochTiming memory timing
    ) EpochClock(timing) {
        // Else a request could be paid by the last root while a hold from before it is open: from the request on, as many
        // epochs as _requireWithdrawable waits for.
        uint256 longestHoldSec = (uint256(longestHoldEpochs_) + 2) * timing.lengthSec;
        require(longestHoldSec <= STALE_SEC, HoldTooLong(longestHoldSec, STALE_SEC));
        io = io_;
        iosd = iosd_;
        settlement = settlement_;
        distributor = distributor_;
        longestHoldEpochs = longestHoldEpochs_;
        _debits.activatedAt = uint40(block.timestamp);
    }

    function deposit(uint8 asset, uint256 amount) external {
        require(amount >= minimumDeposit(asset), DepositTooSmall(amount, minimumDeposit(asset)));
        if (_firstDepositEpochPlusOne[msg.sender] == 0) _firstDepositEpochPlusOne[msg.sender] = _currentEpoch() + 1;
        _accounts[msg.sender][asset].deposited += amount.toUint128();
        _move(asset, amount.toInt256().toInt128());
        emit Deposited(msg.sender, asset, amount);
        _token(asset).transferFrom(msg.sender, address(this), amount);
    }

    function requestWithdraw(uint8 asset, uint256 amount) external {
        PayerAccount storage account = _accounts[msg.sender][asset];
        require(amount != 0, ZeroAmount());
        require(account.requested == 0, RequestAlreadyOpen(account.requested));
        uint256 maximum = account.deposited - account.withdrawn;
        require(amount <= maximum, AboveDeposit(amount, maximum));
        uint64 epoch = _currentEpoch();
        account.requested = uint128(amount);
        account.requestEpoch = epoch;
        account.requestedAt = uint40(block.timestamp);
        emit WithdrawalRequested(msg.sender, asset, amount, epoch);
    }

    function cancel(uint8 asset) external {
        PayerAccount storage account = _accounts[msg.sender][asset];
        require(account.requested != 0, NoRequest());
        _closeRequest(account);
        emit WithdrawalCancelled(msg.sender, asset);
    }

    function finish(uint8 asset, uint256 cumulativeIosd, uint256 cumulativeIo, bytes32[] calldata proof)
        external
        returns (uint256 paid)
    {
        PayerAccount storage account = _accounts[msg.sender][asset];
        require(account.requested != 0, NoRequest());
        _requireWithdrawable(account);
        _requireDebit(cumulativeIosd, cumulativeIo, proof);

        uint256 debited = asset == IO_ASSET ? cumulativeIo : cumulativeIosd;
        uint256 spent = account.withdrawn + debited;
        require(account.deposited > spent, NothingLeft(account.deposited, account.withdrawn, debited));
        paid = Math.min(account.requested, account.deposited - spent);
        // At most `requested`, which has 128 bits.
        account.withdrawn += uint128(paid);
        _closeRequest(account);
        _move(asset, -paid.toInt256().toInt128());
        emit Withdrawn(msg.sender, asset, paid);
        _token(asset).transfer(msg.sender, paid);
    }

    function setSpender(address spender, uint128 ioLimit, uint128 iosdLimit) external {
        require(spender != msg.sender, SpenderIsPayer());
        Spender[2] storage spenders = _spenders[msg.sender];
        uint64 fromEpoch = _currentEpoch() + 1;
        // One that was set in this epoch has never held: the one before stays.
        if (spenders[0].fromEpoch < fromEpoch) spenders[1] = spenders[0];
        spenders[0] = Spender(spender, fromEpoch, ioLimit, iosdLimit);
        emit SpenderSet(msg.sender, spender, ioLimit, iosdLimit, fromEpoch);
    }

    function debit(uint64 epoch, bytes32 root, uint256 iosdAmount, uint256 ioAmount) external {
        require(msg.sender == settlement, Unauthorized(msg.sender, settlement));
        (uint128 debitedIosd, uint128 debitedIo) = (_debits.iosd, _debits.io);
        // Invariant 11.
        uint256 maximum = _heldOf(_net.io, debitedIo);
        require(ioAmount <= maximum, DebitAboveHeld(IO_ASSET, ioAmount, maximum));
        maximum = _heldOf(_net.iosd, debitedIosd);
        require(iosdAmount <= maximum, DebitAboveHeld(IOSD_ASSET, iosdAmount, maximum));
        _debits.root = root;
        // Together no more than was ever deposited, which has 127 bits.
        (_debits.iosd, _debits.io) = (debitedIosd + uint128(iosdAmount), debitedIo + uint128(ioAmount));
        (_debits.settledEpochs, _debits.rootEpochs) = (epoch + 1, epoch + 1);
        _debits.activatedAt = uint40(block.timestamp);
        _settleFlow(epoch);
        emit Debited(epoch, root, iosdAmount, ioAmount);
        IIOSD(iosd).spend(iosdAmount);
        IERC20(io).transfer(distributor, ioAmount);
    }

    function skip(uint64 epoch) external {
        require(msg.sender == settlement, Unauthorized(msg.sender, settlement));
        _debits.settledEpochs = epoch + 1;
        _settleFlow(epoch);
    }

    function minimumDeposit(uint8 asset) public pure returns (uint256) {
        if (asset == IO_ASSET) return MIN_IO;
        if (asset == IOSD_ASSET) return MIN_IOSD;
        revert UnknownAsset(asset);
    }

    function held(uint8 asset) public view returns (uint256) {
        if (asset == IO_ASSET) return _heldOf(_net.io, _debits.io);
        if (asset == IOSD_ASSET) return _heldOf(_net.iosd, _debits.iosd);
        return 0;
    }

    function openingOf(uint64 epoch) external view returns (Opening memory) {
        (uint128 debitedIo, uint128 debitedIosd) = (_debits.io, _debits.iosd);
        Flow memory flow = _flows[epoch];
        return Opening({
            root: _debits.root,
            debitedIosd: debitedIosd,
            debitedIo: debitedIo,
            heldIosdAtEnd: _heldOf(_settledNet.iosd + flow.iosd, debitedIosd),
            heldIoAtEnd: _heldOf(_settledNet.io + flow.io, debitedIo)
        });
    }

    function flowIn(uint64 epoch) external view returns (int256 ioAmount, int256 iosdAmount) {
        Flow memory flow = _flows[epoch];
        return (flow.io, flow.iosd);
    }

    function debits() external view returns (Debits memory) {
        return _debits;
    }

    function accountOf(address payer, uint8 asset) external view returns (PayerAccount memory) {
        return _accounts[payer][asset];
    }

    function firstDepositOf(address payer) external view returns (bool hasDeposited, uint64 epoch) {
        uint64 plusOne = _firstDepositEpochPlusOne[payer];
        return plusOne == 0 ? (false, 0) : (true, plusOne - 1);
    }

    function spenderAt(address payer, uint64 epoch) external view returns (Spender memory) {
        Spender[2] storage spenders = _spenders[payer];
        return epoch >= spenders[0].fromEpoch ? spenders[0] : spenders[1];
    }

    /// @dev Invariant 12. A hold from before the request may have been accepted in the request's own epoch (the relayer
    /// reads finalised blocks), so it is open until the end of requestEpoch + longestHoldEpochs; one more epoch covers
    /// a request that was final only in the next one.
    function _requireWithdrawable(PayerAccount storage account) private view {
        // Not the settled ones: what was used in an emptied epoch may be debited in the next one that has a root.
        uint64 covered = _debits.rootEpochs;
        uint64 required = account.requestEpoch + longestHoldEpochs + 2;
        if (covered >= required) return;
        uint256 quietSince = Math.max(account.requestedAt, _debits.activatedAt);
        require(block.timestamp >= quietSince + STALE_SEC, NotYetWithdrawable(covered, required));
        (bool isStaged, uint64 epoch,,) = ISettlement(settlement).staged();
        require(!isStaged, EpochStaged(epoch));
    }

    function _requireDebit(uint256 cumulativeIosd, uint256 cumulativeIo, bytes32[] calldata proof) private view {
        // Who first deposited after the root's epoch was debited nothing in it or before. Nobody is here without a deposit.
        bool hasNoLeaf = _firstDepositEpochPlusOne[msg.sender] > _debits.rootEpochs;
        require(
            hasNoLeaf
                ? cumulativeIosd == 0 && cumulativeIo == 0
                : CumulativeLeaf.isDebitIn(_debits.root, msg.sender, cumulativeIosd, cumulativeIo, proof),
            InvalidProof(msg.sender, cumulativeIosd, cumulativeIo)
        );
    }

    /// @dev Counts what came in, or went out.
    function _move(uint8 asset, int128 amount) private {
        Flow storage flow = _flows[_currentEpoch()];
        if (asset == IO_ASSET) {
            _net.io += amount;
            flow.io += amount;
        } else {
            _net.iosd += amount;
            flow.iosd += amount;
        }
    }

    /// @dev Adds the flow of the epoch that is settled to those before: so what was held at an epoch's end is known at any
    /// later time, at a cost that does not depend on how late it is.
    function _settleFlow(uint64 epoch) private {
        Flow memory flow = _flows[epoch];
        if (flow.io == 0 && flow.iosd == 0) return;
        Flow memory before = _settledNet;
        _settledNet = Flow(before.io + flow.io, before.iosd + flow.iosd);
        // Nobody asks for it again.
        delete _flows[epoch];
    }

    /// @dev Below zero, at the end of an epoch, only when more was withdrawn before than the debits of today left: then
    /// nothing can be debited, instead of nothing settled.
    function _heldOf(int128 net, uint128 debited) private pure returns (uint256) {
        int256 left = int256(net) - int256(uint256(debited));
        return left > 0 ? uint256(left) : 0;
    }

    function _closeRequest(PayerAccount storage account) private {
        account.requested = 0;
        account.requestEpoch = 0;
        account.requestedAt = 0;
    }

    function _token(uint8 asset) private view returns (IERC20) {
        return IERC20(asset == IO_ASSET ? io : iosd);
    }
}
