// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IBurner, Report} from "./interfaces/IBurner.sol";
import {IIO} from "./interfaces/IIO.sol";
import {Claim, IRewardsDistributor} from "./interfaces/IRewardsDistributor.sol";
import {CumulativeLeaf} from "./libraries/CumulativeLeaf.sol";

/// @notice Documented in IRewardsDistributor.
contract RewardsDistributor is IRewardsDistributor {
    using SafeCast for uint256;

    /// @dev One slot: a claim reads and writes all of it. 96 bits are 3,500 times the maximum supply.
    struct Account {
        uint96 claimed;
        address payout;
    }

    address public immutable io;
    address public immutable settlement;
    address public immutable burner;

    bytes32 public root;
    /// @dev One slot, of which every epoch reads both.
    uint128 private _funded;
    uint128 private _claimed;
    mapping(address account => Account) private _accounts;

    constructor(address io_, address settlement_, address burner_) {
        io = io_;
        settlement = settlement_;
        burner = burner_;
        // The burner takes only what burnClaimed names, and that only this contract calls.
        IIO(io_).approve(burner_, type(uint256).max);
    }

    function fund(uint64 epoch, bytes32 root_, uint256 added) external {
        require(msg.sender == settlement, Unauthorized(msg.sender, settlement));
        uint256 total = _funded + added;
        // Invariant 8. More was claimed than funded only where a false root had been active and somebody has replaced what
        // it took: that must not stop the epochs after it.
        uint256 unclaimed = Math.saturatingSub(total, _claimed);
        uint256 balance = IIO(io).balanceOf(address(this));
        require(balance >= unclaimed, NotFunded(balance, unclaimed));
        root = root_;
        _funded = total.toUint128();
        emit RootPosted(epoch, root_, added, total);
    }

    function claim(address account, uint256 cumulative, bytes32[] calldata proof) external returns (uint256 amount) {
        amount = _claim(account, cumulative, proof);
        require(amount != 0, NothingToClaim(account, cumulative));
    }

    function claimMany(Claim[] calldata claims) external returns (uint256 amount) {
        for (uint256 i = 0; i < claims.length; ++i) {
            amount += _claim(claims[i].account, claims[i].cumulative, claims[i].proof);
        }
    }

    function claimAsIosd(
        uint256 cumulative,
        bytes32[] calldata proof,
        uint256 minIosdOut,
        uint256 deadline,
        Report calldata report
    ) external returns (uint256 amount, uint256 iosdOut) {
        amount = _count(msg.sender, cumulative, proof);
        require(amount != 0, NothingToClaim(msg.sender, cumulative));
        iosdOut = IBurner(burner).burnClaimed(msg.sender, amount, minIosdOut, deadline, report);
        emit ClaimedAsIosd(msg.sender, amount, iosdOut, cumulative);
    }

    function setPayout(address payout) external {
        _accounts[msg.sender].payout = payout;
        emit PayoutSet(msg.sender, payoutOf(msg.sender));
    }

    function funded() external view returns (uint256) {
        return _funded;
    }

    function claimed() external view returns (uint256) {
        return _claimed;
    }

    function claimedBy(address account) external view returns (uint256) {
        return _accounts[account].claimed;
    }

    function payoutOf(address account) public view returns (address) {
        address payout = _accounts[account].payout;
        return payout == address(0) ? account : payout;
    }

    function _claim(address account, uint256 cumulative, bytes32[] calldata proof) private returns (uint256 amount) {
        amount = _count(account, cumulative, proof);
        if (amount == 0) return 0;
        address payout = payoutOf(account);
        emit Claimed(account, payout, amount, cumulative);
        IIO(io).transfer(payout, amount);
    }

    /// @dev Counts what is due as paid.
    function _count(address account, uint256 cumulative, bytes32[] calldata proof) private returns (uint256 amount) {
        require(
            CumulativeLeaf.isRewardIn(root, account, cumulative, proof), InvalidProof(account, cumulative)
        );
        // Invariant 9: no leaf falls, so a leaf is at least what was paid.
        amount = cumulative - _accounts[account].claimed;
        if (amount == 0) return 0;
        _accounts[account].claimed = cumulative.toUint96();
        _claimed += uint128(amount);
    }
}
