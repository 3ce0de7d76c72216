// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {EpochClock} from "./EpochClock.sol";
import {EpochTiming} from "./interfaces/IEpochClock.sol";
import {Debits, IEscrow, PayerAccount, Spender} from "./interfaces/IEscrow.sol";
import {IIOSD} from "./interfaces/IIOSD.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {CumulativeLeaf} from "./libraries/CumulativeLeaf.sol";

/// @notice Documented in IEscrow.
contract Escrow is IEscrow, EpochClock {
    using SafeCast for uint256;

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

    mapping(uint8 asset => uint256) public held;
    Debits private _debits;

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
        // Else a request could be paid by the last root while a hold from before it is open.
        uint256 longestHoldSec = uint256(longestHoldEpochs_) * timing.lengthSec;
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
        held[asset] += amount;
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
        held[asset] -= paid;
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
        // Invariant 11.
        require(ioAmount <= held[IO_ASSET], DebitAboveHeld(IO_ASSET, ioAmount, held[IO_ASSET]));
        require(iosdAmount <= held[IOSD_ASSET], DebitAboveHeld(IOSD_ASSET, iosdAmount, held[IOSD_ASSET]));
        held[IO_ASSET] -= ioAmount;
        held[IOSD_ASSET] -= iosdAmount;
        _debits = Debits({
            root: root,
            iosd: _debits.iosd + iosdAmount,
            io: _debits.io + ioAmount,
            settledEpochs: epoch + 1,
            activatedAt: uint40(block.timestamp)
        });
        emit Debited(epoch, root, iosdAmount, ioAmount);
        IIOSD(iosd).spend(iosdAmount);
        IERC20(io).transfer(distributor, ioAmount);
    }

    function minimumDeposit(uint8 asset) public pure returns (uint256) {
        if (asset == IO_ASSET) return MIN_IO;
        if (asset == IOSD_ASSET) return MIN_IOSD;
        revert UnknownAsset(asset);
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
        uint64 settled = _debits.settledEpochs;
        uint64 required = account.requestEpoch + longestHoldEpochs + 2;
        if (settled >= required) return;
        uint256 quietSince = Math.max(account.requestedAt, _debits.activatedAt);
        require(block.timestamp >= quietSince + STALE_SEC, NotYetWithdrawable(settled, required));
        (bool isStaged, uint64 epoch) = ISettlement(settlement).staged();
        require(!isStaged, EpochStaged(epoch));
    }

    function _requireDebit(uint256 cumulativeIosd, uint256 cumulativeIo, bytes32[] calldata proof) private view {
        // Who first deposited after an epoch was debited nothing in it or before. Nobody is here without a deposit.
        bool hasNoLeaf = _firstDepositEpochPlusOne[msg.sender] > _debits.settledEpochs;
        require(
            hasNoLeaf
                ? cumulativeIosd == 0 && cumulativeIo == 0
                : CumulativeLeaf.isDebitIn(_debits.root, msg.sender, cumulativeIosd, cumulativeIo, proof),
            InvalidProof(msg.sender, cumulativeIosd, cumulativeIo)
        );
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
