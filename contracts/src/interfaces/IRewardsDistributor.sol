// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Report} from "./IBurner.sol";

/// @notice One account's part of the root.
/// @param cumulative All that the account has ever earned, in wei of IO.
/// @param proof Siblings from its leaf up.
struct Claim {
    address account;
    uint256 cumulative;
    bytes32[] proof;
}

/// @title Pays out what settled epochs have earned
/// @notice Rewards are cumulative: the newest root replaces all before it, an account claims any number of epochs at
/// once, and nothing expires. Leaf: keccak256(keccak256(abi.encode(account, cumulative))), pairs are sorted: the layout
/// of OpenZeppelin's StandardMerkleTree.
/// @dev It counts what it was funded with and what it paid. IO that is sent to it otherwise changes nothing and is
/// lost.
interface IRewardsDistributor {
    error Unauthorized(address caller, address required);
    /// @notice Less IO arrived than the root adds.
    error NotFunded(uint256 balance, uint256 required);
    error InvalidProof(address account, uint256 cumulative);
    error NothingToClaim(address account, uint256 cumulative);

    event RootPosted(uint64 indexed epoch, bytes32 root, uint256 added, uint256 funded);
    event Claimed(address indexed account, address indexed payout, uint256 amount, uint256 cumulative);
    /// @param amount In wei of IO, all of which was burned.
    event ClaimedAsIosd(address indexed account, uint256 amount, uint256 iosd, uint256 cumulative);
    event PayoutSet(address indexed account, address indexed payout);

    function io() external view returns (address);

    function settlement() external view returns (address);

    /// @notice Where claims become IOSD. It has an allowance over all IO here for ever.
    function burner() external view returns (address);

    /// @notice Of the last active epoch; zero before the first one.
    function root() external view returns (bytes32);

    /// @notice All rewards there have ever been, in wei: the sum of the leaves of `root`.
    function funded() external view returns (uint256);

    /// @notice All that has been paid, in wei.
    function claimed() external view returns (uint256);

    /// @notice All that has been paid to an account, in wei.
    function claimedBy(address account) external view returns (uint256);

    /// @notice Where rewards of `account` are paid: what it set, or itself.
    function payoutOf(address account) external view returns (address);

    /// @notice Sets where the caller's rewards are paid from now on, whether as worker, model owner or gateway; zero
    /// means to the caller itself.
    /// @dev WARNING: whoever holds the caller's key can set it. It keeps rewards off a machine in use, it does not
    /// protect against the loss of that machine's key.
    function setPayout(address payout) external;

    /// @notice Replaces the root. Only Settlement, which has sent `added` before.
    function fund(uint64 epoch, bytes32 root, uint256 added) external;

    /// @notice Pays what `account` has earned and not been paid, to its payout address. Anybody may call.
    /// @return amount In wei.
    function claim(address account, uint256 cumulative, bytes32[] calldata proof) external returns (uint256 amount);

    /// @notice Claims for many accounts. Those that have nothing to claim, because somebody was first, are skipped; a
    /// wrong proof reverts.
    /// @return amount Of all, in wei.
    function claimMany(Claim[] calldata claims) external returns (uint256 amount);

    /// @notice Burns what the caller has earned and not been paid for IOSD, which goes to the caller itself and never to a
    /// payout address. All of it or nothing: what the burner refuses now, its hourly bound included, can be claimed as IO.
    /// @param minIosdOut Reverts below it.
    /// @param deadline Last second, by block time, in which this may happen.
    /// @param report Brought to the feed first, where it is newer. A word of zero means none.
    /// @return amount In wei of IO, burned.
    /// @return iosdOut ⌊amount · price⌋.
    function claimAsIosd(
        uint256 cumulative,
        bytes32[] calldata proof,
        uint256 minIosdOut,
        uint256 deadline,
        Report calldata report
    ) external returns (uint256 amount, uint256 iosdOut);
}
