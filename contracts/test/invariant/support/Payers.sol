// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEscrow, Spender} from "../../../src/interfaces/IEscrow.sol";
import {Books, Hold, PayerBook, Usage} from "./Books.sol";

/// @notice Who pays: deposits, holds and what is charged under them, and withdrawals.
contract Payers is Books {
    function depositIo(uint256 seed) external {
        depositOf(payerOf(seed), IO_ASSET, seed, 0.1e18);
    }

    function depositIosd(uint256 seed) external {
        depositOf(payerOf(seed), IOSD_ASSET, seed, 1e18);
    }

    function depositOf(address payer, uint8 asset, uint256 seed, uint256 least) private {
        uint256 balance = asset == IO_ASSET ? io.balanceOf(payer) : iosd.balanceOf(payer);
        if (balance < least) return;
        uint256 amount = amountOf(roll(seed, "deposit"), least, balance);
        deposit(payer, asset, amount);
        if (firstEpochPlusOne[payer] == 0) firstEpochPlusOne[payer] = currentEpoch() + 1;
        book[payer][asset].deposited += amount;
        noteFlow(asset, int256(amount));
        did("deposit");
    }

    /// @dev The relayer's rule (invariant 10): open holds and what is unsettled fit what is neither withdrawn nor asked for.
    function acceptHold(uint256 seed) external {
        accept(seed);
    }

    function accept(uint256 seed) private {
        for (uint256 i = 0; i < 2 * PAYERS; ++i) {
            (address payer, uint8 asset) = slotOf(seed % 64 + i);
            uint256 taken = openOf(payer, asset) + book[payer][asset].unsettled + book[payer][asset].requested;
            uint256 left = leftOf(payer, asset);
            if (left <= taken) continue;
            uint256 amount = amountOf(roll(seed, "hold"), 1, left - taken);
            uint64 expires = currentEpoch() + uint64(roll(seed, "expires") % (LONGEST_HOLD + 1));
            holds.push(Hold(payer, workerOf(seed), asset, amount, expires));
            did("hold");
            return;
        }
    }

    /// @dev Charges some of an open hold, or all of it, in this epoch; a new one, if none is open.
    function charge(uint256 seed) external {
        if (!chargeOpen(seed)) {
            accept(seed);
            chargeOpen(seed);
        }
    }

    function chargeOpen(uint256 seed) private returns (bool) {
        for (uint256 i = 0; i < holds.length; ++i) {
            Hold storage one = holds[(seed % holds.length + i) % holds.length];
            if (one.expires < currentEpoch() || one.left == 0) continue;
            uint256 amount = seed % 3 == 0 ? one.left : amountOf(roll(seed, "charge"), 1, one.left);
            one.left -= amount;
            book[one.payer][one.asset].unsettled += amount;
            waiting.push(Usage(one.payer, one.worker, one.asset, amount, currentEpoch()));
            did("charge");
            return true;
        }
        return false;
    }

    function requestWithdraw(uint256 seed) external {
        for (uint256 i = 0; i < 2 * PAYERS; ++i) {
            (address payer, uint8 asset) = slotOf(seed % 64 + i);
            PayerBook storage one = book[payer][asset];
            uint256 maximum = one.deposited - one.withdrawn;
            if (one.requested != 0 || maximum == 0) continue;
            uint256 amount = seed % 3 == 0 ? maximum : amountOf(roll(seed, "request"), 1, maximum);
            vm.prank(payer);
            escrow.requestWithdraw(asset, amount);
            (one.requested, one.requestEpoch, one.requestedAt) =
            (amount, currentEpoch(), vm.getBlockTimestamp());
            did("request");
            return;
        }
    }

    function cancelWithdrawal(uint256 seed) external {
        (address payer, uint8 asset, bool found) = requester(seed);
        if (!found || seed % 3 != 0) return;
        vm.prank(payer);
        escrow.cancel(asset);
        book[payer][asset].requested = 0;
        did("cancel");
    }

    /// @dev Paid exactly when it is due, exactly what is due; never refused for a pause.
    function finishWithdrawal(uint256 seed) external {
        (address payer, uint8 asset, bool found) = requester(seed);
        if (!found) return;
        PayerBook storage one = book[payer][asset];
        if (roll(seed, "patience") % 12 == 0) pass(31 days);
        bool covered = rootEpochs >= one.requestEpoch + LONGEST_HOLD + 2;
        uint256 quietSince = one.requestedAt > rootActivatedAt ? one.requestedAt : rootActivatedAt;
        bool stale = !covered && !isStaged && vm.getBlockTimestamp() >= quietSince + STALE;
        bytes memory data = finishCall(payer, asset);
        if (!(covered || stale) || leftOf(payer, asset) == 0) {
            mustFail(payer, address(escrow), data, "invariant 12: a withdrawal before it is due");
            did("finish refused");
            return;
        }
        uint256 due = one.requested < leftOf(payer, asset) ? one.requested : leftOf(payer, asset);
        bytes memory result = mustSend(payer, address(escrow), data);
        require(abi.decode(result, (uint256)) == due, "invariant 11: a withdrawal of another amount");
        one.withdrawn += due;
        one.requested = 0;
        noteFlow(asset, -int256(due));
        if (stale) one.wasStale = true;
        did("finish");
        if (stale) did("finish by the last root");
        whilePaused("finish while paused");
    }

    function finishCall(address payer, uint8 asset) internal view returns (bytes memory) {
        if (firstEpochPlusOne[payer] > rootEpochs) {
            return abi.encodeCall(IEscrow.finish, (asset, 0, 0, new bytes32[](0)));
        }
        uint256 iosdSum = book[payer][IOSD_ASSET].debited;
        uint256 ioSum = book[payer][IO_ASSET].debited;
        bytes32[] memory leaves = debitLeaves(rootEpochs, none(), none());
        bytes32[] memory path = proofOf(leaves, debitLeaf(payer, iosdSum, ioSum));
        return abi.encodeCall(IEscrow.finish, (asset, iosdSum, ioSum, path));
    }

    function setSpender(uint256 seed) external {
        address payer = payerOf(seed);
        address spender = hostiles[seed % HOSTILES];
        vm.prank(payer);
        escrow.setSpender(spender, uint128(seed), uint128(seed >> 128));
        Spender memory set = escrow.spenderAt(payer, currentEpoch() + 1);
        require(
            set.account == spender && set.fromEpoch == currentEpoch() + 1, "invariant 10: not the spender set"
        );
        did("spender");
    }

    function requester(uint256 seed) private view returns (address payer, uint8 asset, bool found) {
        for (uint256 i = 0; i < 2 * PAYERS && !found; ++i) {
            (payer, asset) = slotOf(seed % 64 + i);
            found = book[payer][asset].requested != 0;
        }
    }

    /// @dev One of the payers, and one of the assets.
    function slotOf(uint256 at) private view returns (address, uint8) {
        return (people[(at / 2) % PAYERS], at % 2 == 0 ? IO_ASSET : IOSD_ASSET);
    }

    function workerOf(uint256 seed) private view returns (address) {
        return people[PAYERS + roll(seed, "worker") % (PEOPLE - PAYERS)];
    }
}
