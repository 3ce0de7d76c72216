// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEpochClock} from "./IEpochClock.sol";

/// @notice What one payer has of one asset, in wei.
/// @param deposited All that was ever deposited.
/// @param withdrawn All that was ever paid back.
/// @param requested The open request; 0 when there is none.
/// @param requestEpoch The epoch in which it was made.
/// @param requestedAt Unix seconds.
struct PayerAccount {
    uint128 deposited;
    uint128 withdrawn;
    uint128 requested;
    uint64 requestEpoch;
    uint40 requestedAt;
}

/// @notice A key that may sign holds and receipts for a payer.
/// @param account Zero: nobody.
/// @param fromEpoch The first epoch in which it may.
/// @param ioLimit The most of IO that its holds may take in one epoch, in wei.
/// @param iosdLimit The most of IOSD.
struct Spender {
    address account;
    uint64 fromEpoch;
    uint128 ioLimit;
    uint128 iosdLimit;
}

/// @notice What all settled epochs together have taken.
/// @param root Of the debit tree of the last epoch that has one; zero before the first one.
/// @param iosd Σ IOSD, all of it burned.
/// @param io Σ IO, all of it passed to the distributor.
/// @param settledEpochs How many epochs are active: 0 … settledEpochs − 1.
/// @param rootEpochs How many epochs the root covers. Fewer than settledEpochs after epochs that were settled empty:
/// those have no root, so whose first deposit is of one of them has no leaf.
/// @param activatedAt When the root became active, Unix seconds; before the first one, when this was deployed.
struct Debits {
    bytes32 root;
    uint128 iosd;
    uint128 io;
    uint64 settledEpochs;
    uint64 rootEpochs;
    uint40 activatedAt;
}

/// @notice What the debits of the next epoch, number settledEpochs, start from and are bounded by. In wei.
/// @param root Of Debits.
/// @param debitedIosd Likewise, `iosd`.
/// @param debitedIo Likewise, `io`.
/// @param heldIosdAtEnd All deposits and withdrawals until the epoch's end less the debits of the epochs before. It
/// changes until that end, and never afterwards.
/// @param heldIoAtEnd Likewise.
struct Opening {
    bytes32 root;
    uint256 debitedIosd;
    uint256 debitedIo;
    uint256 heldIosdAtEnd;
    uint256 heldIoAtEnd;
}

/// @title Deposits that pay for compute
/// @notice Payers deposit IO (asset 1) and IOSD (asset 2) and sign holds and receipts off chain; a settled epoch takes
/// the total of what they spent, and posts a tree of each payer's cumulative debit: keccak256(keccak256(abi.encode(payer,
/// cumulativeIosd, cumulativeIo))). Everybody whose first deposit was made before the end of the epoch has a leaf, also with
/// zeros.
///
/// A withdrawal request reduces at once what new holds may use. It is paid when there is a root of an epoch after which no
/// hold from before the request can be open, so no later epoch can take what was paid out. Nobody can pause it. Epochs
/// that are settled empty have no root, and nothing is paid by them.
///
/// @dev WARNING for whoever computes epochs: without another root for STALE_SEC, requests of that age are paid by the
/// last active root. A report that may become active after that time must count them as withdrawn. While an epoch is
/// staged none are paid so, because its debits are fixed.
/// @dev IO that is sent here without `deposit` changes nothing and is lost.
interface IEscrow is IEpochClock {
    error Unauthorized(address caller, address required);
    error UnknownAsset(uint8 given);
    /// @notice Holds, and the two epochs in which a withdrawal request becomes final, would outlive the time after which
    /// withdrawals need no new root.
    error HoldTooLong(uint256 givenSec, uint256 maximumSec);
    error DepositTooSmall(uint256 given, uint256 minimum);
    error ZeroAmount();
    error RequestAlreadyOpen(uint256 requested);
    error NoRequest();
    error AboveDeposit(uint256 given, uint256 maximum);
    /// @notice Neither is there a root of a late enough epoch, nor has there been no other for long enough.
    error NotYetWithdrawable(uint64 rootEpochs, uint64 requiredEpochs);
    /// @notice The staged epoch must become active, which anybody can do, before a withdrawal without a later root.
    error EpochStaged(uint64 epoch);
    error InvalidProof(address payer, uint256 cumulativeIosd, uint256 cumulativeIo);
    /// @notice Everything deposited has been spent: only `cancel` is left.
    error NothingLeft(uint256 deposited, uint256 withdrawn, uint256 debited);
    error SpenderIsPayer();
    /// @notice An epoch cannot take more than the escrow holds.
    error DebitAboveHeld(uint8 asset, uint256 given, uint256 held);

    event Deposited(address indexed payer, uint8 indexed asset, uint256 amount);
    event WithdrawalRequested(address indexed payer, uint8 indexed asset, uint256 amount, uint64 epoch);
    event WithdrawalCancelled(address indexed payer, uint8 indexed asset);
    event Withdrawn(address indexed payer, uint8 indexed asset, uint256 amount);
    event SpenderSet(
        address indexed payer, address indexed spender, uint256 ioLimit, uint256 iosdLimit, uint64 fromEpoch
    );
    event Debited(uint64 indexed epoch, bytes32 root, uint256 iosd, uint256 io);

    function IO_ASSET() external view returns (uint8);

    function IOSD_ASSET() external view returns (uint8);

    /// @notice The least that one deposit of an asset may be: less would be a leaf for nothing.
    function minimumDeposit(uint8 asset) external view returns (uint256);

    /// @notice Without another root for so long, requests of that age are paid by the last active one.
    function STALE_SEC() external view returns (uint256);

    function io() external view returns (address);

    function iosd() external view returns (address);

    function settlement() external view returns (address);

    function distributor() external view returns (address);

    /// @notice A hold accepted in epoch e must expire in epoch e + longestHoldEpochs at the latest.
    function longestHoldEpochs() external view returns (uint64);

    /// @notice Σ (deposited − withdrawn) − Σ debits of an asset.
    function held(uint8 asset) external view returns (uint256);

    /// @notice Σ (deposited − withdrawn) of an epoch that is not settled; zeros afterwards.
    function flowIn(uint64 epoch) external view returns (int256 ioAmount, int256 iosdAmount);

    function debits() external view returns (Debits memory);

    /// @notice What the next epoch's debits are checked against, in one read of constant cost.
    /// @param epoch The next one, settledEpochs; of others heldIosdAtEnd and heldIoAtEnd mean nothing.
    function openingOf(uint64 epoch) external view returns (Opening memory);

    function accountOf(address payer, uint8 asset) external view returns (PayerAccount memory);

    /// @notice The epoch of the payer's first deposit of any asset.
    /// @return hasDeposited False: the epoch is then 0 and means nothing.
    function firstDepositOf(address payer) external view returns (bool hasDeposited, uint64 epoch);

    /// @notice The spender of a payer in the current or the next epoch. For earlier epochs ask a node for the state at
    /// their end.
    function spenderAt(address payer, uint64 epoch) external view returns (Spender memory);

    /// @notice Deposits the caller's own tokens, of which the escrow needs an allowance. Nobody can deposit for another:
    /// IOSD would change hands.
    function deposit(uint8 asset, uint256 amount) external;

    /// @notice Asks for `amount` of an asset back: at most what was deposited and not withdrawn.
    function requestWithdraw(uint8 asset, uint256 amount) external;

    /// @notice Takes the open request back; holds may use the amount again.
    function cancel(uint8 asset) external;

    /// @notice Pays the caller's open request: what was asked for, or what is left when less is.
    /// @param cumulativeIosd Of the caller's leaf in the active root.
    /// @param cumulativeIo Of the same leaf.
    /// @param proof Siblings from the leaf up. Not looked at, with both amounts zero, for who made the first deposit
    /// after the root's epoch and has no leaf.
    function finish(uint8 asset, uint256 cumulativeIosd, uint256 cumulativeIo, bytes32[] calldata proof)
        external
        returns (uint256 paid);

    /// @notice From the next epoch on, `spender` may sign for the caller up to these limits; zero revokes.
    function setSpender(address spender, uint128 ioLimit, uint128 iosdLimit) external;

    /// @notice Takes an epoch's debits: IOSD is burned, IO goes to the distributor. Only Settlement.
    function debit(uint64 epoch, bytes32 root, uint256 iosdAmount, uint256 ioAmount) external;

    /// @notice Settles an epoch that takes nothing and has no root. Only Settlement.
    function skip(uint64 epoch) external;
}
