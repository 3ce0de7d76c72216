// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBurner, Report} from "./interfaces/IBurner.sol";
import {IIO} from "./interfaces/IIO.sol";
import {Claim, IRewardsDistributor} from "./interfaces/IRewardsDistributor.sol";
import {IWorkerRegistry} from "./interfaces/IWorkerRegistry.sol";
import {CumulativeLeaf} from "./libraries/CumulativeLeaf.sol";

/// @notice Documented in IRewardsDistributor.
contract RewardsDistributor is IRewardsDistributor {
    address public immutable io;
    address public immutable settlement;
    address public immutable workerRegistry;
    address public immutable burner;

    bytes32 public root;
    uint256 public funded;
    uint256 public claimed;
    mapping(address account => uint256) public claimedBy;

    constructor(address io_, address settlement_, address workerRegistry_, address burner_) {
        io = io_;
        settlement = settlement_;
        workerRegistry = workerRegistry_;
        burner = burner_;
        // The burner takes only what burnClaimed names, and that only this contract calls.
        IIO(io_).approve(burner_, type(uint256).max);
    }

    function fund(uint64 epoch, bytes32 root_, uint256 added) external {
        require(msg.sender == settlement, Unauthorized(msg.sender, settlement));
        uint256 total = funded + added;
        // Invariant 8.
        uint256 balance = IIO(io).balanceOf(address(this));
        require(balance >= total - claimed, NotFunded(balance, total - claimed));
        root = root_;
        funded = total;
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

    function _claim(address account, uint256 cumulative, bytes32[] calldata proof) private returns (uint256 amount) {
        amount = _count(account, cumulative, proof);
        if (amount == 0) return 0;
        address payout = IWorkerRegistry(workerRegistry).payoutOf(account);
        emit Claimed(account, payout, amount, cumulative);
        IIO(io).transfer(payout, amount);
    }

    /// @dev Counts what is due as paid.
    function _count(address account, uint256 cumulative, bytes32[] calldata proof) private returns (uint256 amount) {
        require(
            CumulativeLeaf.isRewardIn(root, account, cumulative, proof), InvalidProof(account, cumulative)
        );
        // Invariant 9: no leaf falls, so a leaf is at least what was paid.
        amount = cumulative - claimedBy[account];
        if (amount == 0) return 0;
        claimedBy[account] = cumulative;
        claimed += amount;
    }
}
